import { useMemo, useState } from "react";
import { price } from "../format";
import { linkTo } from "../router";
import { useStore } from "../store";
import type { Book } from "../types";
import { Cover } from "./Cover";
import { Empty, ProblemNotice } from "./Notices";

const ORDERS = {
  newest: { label: "Newest first", of: (a: Book, b: Book) => (b.addedAt ?? "").localeCompare(a.addedAt ?? "") || byTitle(a, b) },
  title: { label: "Title", of: (a: Book, b: Book) => byTitle(a, b) },
  author: { label: "Author", of: (a: Book, b: Book) => a.author.localeCompare(b.author) || byTitle(a, b) },
  cheap: { label: "Price, lowest first", of: (a: Book, b: Book) => a.price - b.price || byTitle(a, b) },
  dear: { label: "Price, highest first", of: (a: Book, b: Book) => b.price - a.price || byTitle(a, b) },
};
type Order = keyof typeof ORDERS;

function byTitle(a: Book, b: Book): number {
  return a.title.localeCompare(b.title);
}

function matches(book: Book, words: string[]): boolean {
  const text = [book.title, book.author, book.genre, book.year, book.description].join(" ").toLocaleLowerCase();
  return words.every((word) => text.includes(word));
}

/** All books: search, order, and a grid of covers. */
export function Shelf() {
  const { books, problem, reload, email } = useStore();
  const [search, setSearch] = useState("");
  const [genre, setGenre] = useState("");
  const [order, setOrder] = useState<Order>("newest");
  const genres = useMemo(() => [...new Set((books ?? []).flatMap((book) => book.genre ?? []))].sort(), [books]);
  const found = useMemo(() => {
    const words = search.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    return (books ?? [])
      .filter((book) => (!genre || book.genre === genre) && matches(book, words))
      .sort(ORDERS[order].of);
  }, [books, search, genre, order]);

  if (problem) return <ProblemNotice problem={problem} retry={() => void reload()} />;
  if (books?.length === 0) {
    return (
      <Empty title="The shelves are empty">
        <p>{email ? "Put the first book on them." : "Sign in, and put the first book on them."}</p>
        <a className="button primary" href={email ? linkTo.add : linkTo.signIn}>
          {email ? "Add a book" : "Sign in"}
        </a>
      </Empty>
    );
  }
  const clear = () => {
    setSearch("");
    setGenre("");
  };
  return (
    <>
      <div className="shelf-head">
        <h1>On the shelves</h1>
        <p className="count" role="status">
          {books ? `${found.length} ${found.length === 1 ? "book" : "books"}` : "Fetching the books…"}
        </p>
      </div>
      <form className="tools" role="search" onSubmit={(event) => event.preventDefault()}>
        <label className="search">
          <span className="hidden">Search for title, author or words</span>
          <svg viewBox="0 0 20 20" aria-hidden="true">
            <circle cx="8.5" cy="8.5" r="5.5" fill="none" stroke="currentColor" strokeWidth="1.6" />
            <path d="M12.7 12.7 17 17" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" />
          </svg>
          <input type="search" placeholder="Title, author, words…" value={search} onChange={(event) => setSearch(event.target.value)} />
        </label>
        {genres.length > 1 && (
          <label>
            <span className="hidden">Genre</span>
            <select value={genre} onChange={(event) => setGenre(event.target.value)}>
              <option value="">All genres</option>
              {genres.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        )}
        <label>
          <span className="hidden">Order</span>
          <select value={order} onChange={(event) => setOrder(event.target.value as Order)}>
            {Object.entries(ORDERS).map(([name, { label }]) => (
              <option key={name} value={name}>
                {label}
              </option>
            ))}
          </select>
        </label>
      </form>
      {books === null && <Waiting />}
      {books !== null && found.length === 0 && (
        <section className="none">
          <p>No book is like that.</p>
          <button className="button" type="button" onClick={clear}>
            Show all books
          </button>
        </section>
      )}
      <ul className="grid" aria-label="Books">
        {found.map((book) => (
          <Card book={book} key={book.id} />
        ))}
      </ul>
    </>
  );
}

function Card({ book }: { book: Book }) {
  const { api } = useStore();
  return (
    <li className="card">
      <a href={linkTo.book(book.id)}>
        <Cover book={book} url={api.pictureUrl(book.thumbnail)} />
        <span className="card-title">{book.title}</span>
        <span className="card-author">{book.author}</span>
        <span className="card-price">{price(book.price)}</span>
      </a>
    </li>
  );
}

function Waiting() {
  return (
    <ul className="grid" aria-hidden="true">
      {Array.from({ length: 8 }, (_, index) => (
        <li className="card waiting" key={index}>
          <span className="cover" />
          <span className="line" />
          <span className="line short" />
        </li>
      ))}
    </ul>
  );
}
