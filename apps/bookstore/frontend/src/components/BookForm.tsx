import { useEffect, useRef, useState, type FormEvent } from "react";
import { bytes } from "../format";
import { Problem, asProblem } from "../problems";
import { go, linkTo } from "../router";
import { useStore, type Store } from "../store";
import { upload } from "../upload";
import type { Book, BookDraft } from "../types";
import { CoverPicker } from "./CoverPicker";
import { Field } from "./Field";
import { Empty, ProblemNotice } from "./Notices";

const DRAWN_WITHIN_MS = 30_000;
const LOOK_MS = 400;
const DRAFT = "bookstore-draft";

interface Texts {
  title: string;
  author: string;
  price: string;
  year: string;
  genre: string;
  description: string;
}

const BLANK: Texts = { title: "", author: "", price: "", year: "", genre: "", description: "" };

function textsOf(book: Book): Texts {
  return {
    title: book.title,
    author: book.author,
    price: book.price.toFixed(2),
    year: book.year === undefined ? "" : String(book.year),
    genre: book.genre ?? "",
    description: book.description ?? "",
  };
}

/** What was in the form for a new book when the sign-in had ended. */
function keptDraft(): Texts {
  try {
    return { ...BLANK, ...(JSON.parse(sessionStorage.getItem(DRAFT) ?? "{}") as Partial<Texts>) };
  } catch {
    return BLANK;
  }
}

/** The book that the form describes, or what is wrong with it, by field. */
export function readDraft(texts: Texts): { draft: BookDraft; wrong: Partial<Texts> } {
  const wrong: Partial<Texts> = {};
  const price = Number(texts.price.replace(",", "."));
  const year = Number(texts.year);
  if (!texts.title.trim()) wrong.title = "A book needs a title.";
  if (!texts.author.trim()) wrong.author = "Who wrote it?";
  if (!texts.price.trim()) wrong.price = "What does it cost?";
  else if (!Number.isFinite(price) || price < 0 || price > 100_000) wrong.price = "A price is a number from 0 to 100,000.";
  if (texts.year.trim() && (!Number.isInteger(year) || year < -3000 || year > 2100)) wrong.year = "A year is a whole number.";
  const draft: BookDraft = { title: texts.title.trim(), author: texts.author.trim(), price: Math.round(price * 100) / 100 };
  if (texts.year.trim()) draft.year = year;
  if (texts.genre.trim()) draft.genre = texts.genre.trim();
  if (texts.description.trim()) draft.description = texts.description.trim();
  return { draft, wrong };
}

/** Adding a book, or changing one. */
export function BookForm({ id }: { id?: string }) {
  const { api, email, books } = useStore();
  // A sign-in that ends while the form is being filled in does not take the form away.
  const [welcome] = useState(email !== null);
  const [book, setBook] = useState<Book | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    if (id) api.get(id).then(setBook, (error: unknown) => setProblem(asProblem(error)));
  }, [api, id]);
  if (!welcome) {
    return (
      <Empty title="Please sign in">
        <p>Only who is signed in may change the shelves.</p>
        <a className="button primary" href={linkTo.signIn}>
          Sign in
        </a>
      </Empty>
    );
  }
  if (problem) return <ProblemNotice problem={problem} />;
  if (id && !book) {
    return (
      <p className="fetching" role="status">
        Fetching the book…
      </p>
    );
  }
  const genres = [...new Set((books ?? []).flatMap((one) => one.genre ?? []))].sort();
  return <Editor book={book} genres={genres} />;
}

type Phase = { at: "form" } | { at: "saving" } | { at: "uploading"; done: number } | { at: "drawing" };

function Editor({ book, genres }: { book: Book | null; genres: string[] }) {
  const store = useStore();
  const form = useRef<HTMLFormElement>(null);
  const [texts, setTexts] = useState<Texts>(() => (book ? textsOf(book) : keptDraft()));
  const [wrong, setWrong] = useState<Partial<Texts>>({});
  const [file, setFile] = useState<File | null>(null);
  const [phase, setPhase] = useState<Phase>({ at: "form" });
  const [problem, setProblem] = useState<Problem | null>(null);
  // A book that was added before its cover failed is not added again by the next attempt.
  const [saved, setSaved] = useState<Book | null>(book);

  const set = (name: keyof Texts) => (event: { target: { value: string } }) => {
    setTexts({ ...texts, [name]: event.target.value });
    setWrong({ ...wrong, [name]: undefined });
  };
  const save = async (draft: BookDraft) => {
    setProblem(null);
    setPhase({ at: "saving" });
    try {
      let now = saved ? await store.api.update(saved.id, draft) : await store.api.create(draft);
      setSaved(now);
      sessionStorage.removeItem(DRAFT);
      store.keep(now);
      if (file) {
        now = await putCover(store, now, file, setPhase);
        store.keep(now);
      }
      store.say(book ? `“${now.title}” is changed.` : `“${now.title}” is on the shelf.`);
      go(linkTo.book(now.id));
    } catch (error) {
      const found = asProblem(error);
      if (found.kind === "signed-out" && !book) sessionStorage.setItem(DRAFT, JSON.stringify(texts));
      setProblem(found);
      setPhase({ at: "form" });
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { draft, wrong: found } = readDraft(texts);
    setWrong(found);
    const first = Object.keys(found)[0];
    if (first) form.current?.querySelector<HTMLElement>(`[name=${first}]`)?.focus();
    else void save(draft);
  };

  const busy = phase.at !== "form";
  return (
    <section className="wide">
      <a className="back" href={book ? linkTo.book(book.id) : linkTo.shelf}>
        ← {book ? "Back to the book" : "All books"}
      </a>
      <h1>{book ? "Edit the book" : "Add a book"}</h1>
      <form className="form two" onSubmit={submit} noValidate ref={form}>
        {problem && (
          <div className="whole">
            <ProblemNotice problem={problem} />
          </div>
        )}
        <CoverPicker file={file} choose={setFile} now={store.api.pictureUrl(book?.thumbnail)} disabled={busy} />
        <div className="fields">
          <Field label="Title" error={wrong.title}>
            <input name="title" maxLength={200} value={texts.title} onChange={set("title")} disabled={busy} autoFocus={!book} />
          </Field>
          <Field label="Author" error={wrong.author}>
            <input name="author" maxLength={120} value={texts.author} onChange={set("author")} disabled={busy} />
          </Field>
          <div className="row">
            <Field label="Price in dollars" error={wrong.price}>
              <input name="price" inputMode="decimal" value={texts.price} onChange={set("price")} disabled={busy} />
            </Field>
            <Field label="Year" error={wrong.year}>
              <input name="year" inputMode="numeric" value={texts.year} onChange={set("year")} disabled={busy} />
            </Field>
            <Field label="Genre">
              <input name="genre" maxLength={60} list="genres" value={texts.genre} onChange={set("genre")} disabled={busy} />
            </Field>
          </div>
          <datalist id="genres">
            {genres.map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
          <Field label="Description">
            <textarea name="description" rows={6} maxLength={4000} value={texts.description} onChange={set("description")} disabled={busy} />
          </Field>
          <Progress phase={phase} file={file} />
          <div className="actions">
            <button className="button primary" type="submit" disabled={busy}>
              {phase.at === "saving" ? "Saving…" : book ? "Save" : "Add the book"}
            </button>
            <a className="button quiet" href={book ? linkTo.book(book.id) : linkTo.shelf}>
              Cancel
            </a>
          </div>
        </div>
      </form>
    </section>
  );
}

function Progress({ phase, file }: { phase: Phase; file: File | null }) {
  if (phase.at !== "uploading" && phase.at !== "drawing") return null;
  const text = phase.at === "drawing" ? "The pictures are being drawn…" : `Uploading the cover (${file ? bytes(file.size) : ""})…`;
  return (
    <div className="progress" role="status">
      <label>
        {text}
        <progress max={1} {...(phase.at === "uploading" ? { value: phase.done } : {})} />
      </label>
    </div>
  );
}

/** Upload a cover by S3's form, and wait until the picture of it is in the book. */
async function putCover(store: Store, book: Book, file: File, setPhase: (phase: Phase) => void): Promise<Book> {
  setPhase({ at: "uploading", done: 0 });
  const form = await store.api.uploadForm(book.id, file.type);
  if (file.size > form.bytesMax) {
    throw new Problem("upload", "The cover is too large", `It has ${bytes(file.size)}; at most ${bytes(form.bytesMax)} are taken.`);
  }
  await upload(form, file, (done) => setPhase({ at: "uploading", done }));
  setPhase({ at: "drawing" });
  const end = Date.now() + DRAWN_WITHIN_MS;
  while (Date.now() < end) {
    const now = await store.api.get(book.id);
    if (now.cover === form.key) return now;
    if (now.unreadableCover === form.key) {
      throw new Problem("upload", "The cover could not be read", "The file is no picture, or a damaged one. Choose another.");
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  store.say("The cover is uploaded; its picture will appear later.");
  return book;
}
