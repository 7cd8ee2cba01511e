import { useEffect, useRef, useState } from "react";
import { price, year } from "../format";
import { asProblem, type Problem } from "../problems";
import { go, linkTo } from "../router";
import { useStore } from "../store";
import type { Book } from "../types";
import { Cover } from "./Cover";
import { ProblemNotice } from "./Notices";

/** One book, with all there is to say about it. */
export function BookPage({ id }: { id: string }) {
  const { api, books, keep, email } = useStore();
  const [book, setBook] = useState<Book | null>(() => books?.find((one) => one.id === id) ?? null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [doomed, setDoomed] = useState(false);
  const [tries, setTries] = useState(0);

  useEffect(() => {
    let current = true;
    setProblem(null);
    api.get(id).then(
      (found) => {
        if (!current) return;
        setBook(found);
        keep(found);
      },
      (error: unknown) => current && setProblem(asProblem(error)),
    );
    return () => {
      current = false;
    };
  }, [api, id, keep, tries]);

  return (
    <>
      <a className="back" href={linkTo.shelf}>
        ← All books
      </a>
      {problem && <ProblemNotice problem={problem} retry={problem.kind === "missing" ? undefined : () => setTries(tries + 1)} />}
      {!problem && !book && (
        <p className="fetching" role="status">
          Fetching the book…
        </p>
      )}
      {book && problem?.kind !== "missing" && (
        <article className="book">
          <Cover book={book} url={api.pictureUrl(book.picture ?? book.thumbnail)} large />
          <div className="book-text">
            {book.genre && <p className="genre">{book.genre}</p>}
            <h1>{book.title}</h1>
            <p className="by">by {book.author}</p>
            <p className="price">{price(book.price)}</p>
            {book.description && <p className="description">{book.description}</p>}
            <dl className="facts">
              {book.year !== undefined && <Fact name="First published" value={year(book.year)} />}
              {book.addedAt && <Fact name="On the shelf since" value={new Date(book.addedAt).toLocaleDateString("en-GB", { dateStyle: "long" })} />}
            </dl>
            {book.unreadableCover && !book.picture && (
              <p className="hint">The last cover that was uploaded is no picture that could be read.</p>
            )}
            {email ? (
              <div className="actions">
                <a className="button" href={linkTo.edit(book.id)}>
                  Edit
                </a>
                <button className="button danger" type="button" onClick={() => setDoomed(true)}>
                  Delete…
                </button>
              </div>
            ) : (
              <p className="hint">
                <a href={linkTo.signIn}>Sign in</a> to edit or delete this book.
              </p>
            )}
          </div>
          {doomed && <DeleteDialog book={book} close={() => setDoomed(false)} />}
        </article>
      )}
    </>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function DeleteDialog({ book, close }: { book: Book; close: () => void }) {
  const { api, forget, say } = useStore();
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  const remove = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await api.remove(book.id);
      forget(book.id);
      say(`“${book.title}” is gone.`);
      go(linkTo.shelf);
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  };
  return (
    <dialog className="dialog" ref={dialog} onCancel={close} onClose={close} aria-labelledby="doomed">
      <h2 id="doomed">Delete “{book.title}”?</h2>
      <p>The book and its cover are removed for everybody. This cannot be undone.</p>
      {problem && <ProblemNotice problem={problem} />}
      <div className="actions">
        <button className="button" type="button" onClick={close} disabled={busy} autoFocus>
          Keep it
        </button>
        <button className="button danger solid" type="button" onClick={() => void remove()} disabled={busy}>
          {busy ? "Deleting…" : "Delete the book"}
        </button>
      </div>
    </dialog>
  );
}
