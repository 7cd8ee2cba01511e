import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { Api } from "./api";
import { Session } from "./auth";
import { BookForm } from "./components/BookForm";
import { BookPage } from "./components/BookPage";
import { Header } from "./components/Header";
import { Empty, ProblemNotice } from "./components/Notices";
import { Shelf } from "./components/Shelf";
import { SignIn } from "./components/SignIn";
import { loadConfig } from "./config";
import { asProblem, type Problem } from "./problems";
import { linkTo, usePlace, type Place } from "./router";
import { StoreContext, type Store } from "./store";
import type { Book, Config } from "./types";

const SAID_MS = 5000;

export function App() {
  const [config, setConfig] = useState<Config | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const load = useCallback(() => {
    setProblem(null);
    loadConfig().then(setConfig, (error: unknown) => setProblem(asProblem(error)));
  }, []);
  useEffect(load, [load]);
  if (problem) {
    return (
      <main className="page">
        <ProblemNotice problem={problem} retry={load} />
      </main>
    );
  }
  return config && <BookStore config={config} />;
}

function BookStore({ config }: { config: Config }) {
  const place = usePlace();
  const session = useMemo(() => new Session(config), [config]);
  const api = useMemo(() => new Api(config, session), [config, session]);
  const email = useSyncExternalStore(session.subscribe, () => session.email);
  const [books, setBooks] = useState<Book[] | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [said, setSaid] = useState("");

  const reload = useCallback(async () => {
    setProblem(null);
    try {
      setBooks(await api.list());
    } catch (error) {
      setProblem(asProblem(error));
    }
  }, [api]);
  useEffect(() => void reload(), [reload]);

  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => setSaid(""), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);

  const keep = useCallback((book: Book) => {
    setBooks((old) => old && [book, ...old.filter((one) => one.id !== book.id)]);
  }, []);
  const forget = useCallback((id: string) => setBooks((old) => old && old.filter((one) => one.id !== id)), []);
  const store: Store = { api, session, email, books, problem, reload, keep, forget, say: setSaid };

  return (
    <StoreContext value={store}>
      <a className="skip" href="#main" onClick={toMain}>
        Skip to the content
      </a>
      <Header place={place} />
      <Main place={place} />
      <footer className="footer">
        <p>Paper &amp; Ink is a demonstration: its books exist only on these shelves.</p>
      </footer>
      <div className="toast" role="status" aria-live="polite" data-shown={said !== ""}>
        {said}
      </div>
    </StoreContext>
  );
}

function toMain(event: { preventDefault: () => void }) {
  event.preventDefault(); // the part after the # is the place in the store
  document.getElementById("main")?.focus();
}

/** The page of a place. Whoever goes to another one by keyboard or screen reader lands at its beginning. */
function Main({ place }: { place: Place }) {
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const key = JSON.stringify(place);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [key]);
  return (
    <main className="page" id="main" tabIndex={-1} ref={main}>
      <Content place={place} key={key} />
    </main>
  );
}

function Content({ place }: { place: Place }) {
  switch (place.at) {
    case "shelf":
      return <Shelf />;
    case "book":
      return <BookPage id={place.id} />;
    case "edit":
      return <BookForm id={place.id} />;
    case "add":
      return <BookForm />;
    case "sign-in":
      return <SignIn />;
    default:
      return (
        <Empty title="This page is out of print">
          <a className="button" href={linkTo.shelf}>
            Back to the shelves
          </a>
        </Empty>
      );
  }
}
