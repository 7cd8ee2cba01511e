import { linkTo, type Place } from "../router";
import { useStore } from "../store";

export function Header({ place }: { place: Place }) {
  const { email, session, say } = useStore();
  const leave = () => void session.signOut().then(() => say("You are signed out."));
  return (
    <header className="header">
      <div className="header-inner">
        <a className="brand" href={linkTo.shelf} aria-label="Paper & Ink, to the shelves">
          <Mark />
          <span>
            Paper <i>&amp;</i> Ink
          </span>
        </a>
        <nav className="nav" aria-label="Store">
          {email ? (
            <>
              <a className="button primary" href={linkTo.add} aria-current={place.at === "add" ? "page" : undefined}>
                Add a book
              </a>
              <span className="who" title={email}>
                {email}
              </span>
              <button className="button quiet" type="button" onClick={leave}>
                Sign out
              </button>
            </>
          ) : (
            <a className="button" href={linkTo.signIn} aria-current={place.at === "sign-in" ? "page" : undefined}>
              Sign in
            </a>
          )}
        </nav>
      </div>
    </header>
  );
}

function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path
        d="M16 9.5c-2.6-1.9-5.7-2.3-9-1.7v14.4c3.3-.6 6.4-.2 9 1.7 2.6-1.9 5.7-2.3 9-1.7V7.8c-3.3-.6-6.4-.2-9 1.7zM16 9.5v14.4"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.8"
        strokeLinejoin="round"
      />
    </svg>
  );
}
