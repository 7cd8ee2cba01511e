import type { ReactNode } from "react";
import type { Problem } from "../problems";
import { linkTo } from "../router";

/** A problem as people can read it: what happened, what to look at, and, folded away, what exactly was asked. */
export function ProblemNotice({ problem, retry }: { problem: Problem; retry?: (() => void) | undefined }) {
  return (
    <section className="problem" role="alert" data-kind={problem.kind}>
      <h2>{problem.title}</h2>
      <p>{problem.message}</p>
      {problem.hints.length > 0 && (
        <>
          <p className="problem-check">What to check:</p>
          <ul>
            {problem.hints.map((hint) => (
              <li key={hint}>{hint}</li>
            ))}
          </ul>
        </>
      )}
      {problem.detail && (
        <details>
          <summary>Details</summary>
          <code>{problem.detail}</code>
        </details>
      )}
      <div className="actions">
        {retry && (
          <button className="button" type="button" onClick={retry}>
            Try again
          </button>
        )}
        {problem.kind === "signed-out" && (
          <a className="button primary" href={linkTo.signIn}>
            Sign in
          </a>
        )}
      </div>
    </section>
  );
}

/** Where there is nothing to show, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <section className="empty">
      <svg viewBox="0 0 120 60" aria-hidden="true">
        <path d="M8 54h104M22 54V18h9v36M34 54V10h11v44M48 54V22h8v32M64 54l10-36 9 2.5-9.5 33.5" fill="none" stroke="currentColor" strokeWidth="2" strokeLinejoin="round" strokeLinecap="round" />
      </svg>
      <h1>{title}</h1>
      {children}
    </section>
  );
}
