import type { Session } from "./auth";
import { Problem, explainBlocked, readJson } from "./problems";
import type { Book, BookDraft, Config, UploadForm } from "./types";

const PAGES_MAX = 20;

/** The store's API. Writes carry the id token of whoever is signed in. */
export class Api {
  constructor(
    private readonly config: Config,
    private readonly session: Session,
  ) {}

  async list(): Promise<Book[]> {
    const books: Book[] = [];
    let next: string | undefined;
    for (let page = 0; page < PAGES_MAX; page++) {
      const query = next ? `?next=${encodeURIComponent(next)}` : "";
      const found = await this.call<{ books: Book[]; next?: string }>("GET", `/books${query}`);
      if (!Array.isArray(found.books)) {
        const hints = ["Is the address in config.json right?", "What does ListBooks answer? lambent logs, or CloudWatch."];
        throw new Problem("server", "The store has a problem", "The API’s answer has no books in it.", hints);
      }
      books.push(...found.books);
      next = found.next;
      if (!next) break;
    }
    return books;
  }

  get(id: string): Promise<Book> {
    return this.call("GET", `/books/${encodeURIComponent(id)}`);
  }

  create(draft: BookDraft): Promise<Book> {
    return this.call("POST", "/books", draft);
  }

  update(id: string, draft: BookDraft): Promise<Book> {
    return this.call("PUT", `/books/${encodeURIComponent(id)}`, draft);
  }

  remove(id: string): Promise<void> {
    return this.call("DELETE", `/books/${encodeURIComponent(id)}`);
  }

  uploadForm(id: string, contentType: string): Promise<UploadForm> {
    return this.call("POST", `/books/${encodeURIComponent(id)}/cover`, { contentType });
  }

  /** The address of a picture by its key; undefined where there is none. */
  pictureUrl(key: string | undefined): string | undefined {
    return key && `${this.config.coversUrl}/${key.split("/").map(encodeURIComponent).join("/")}`;
  }

  private async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (method !== "GET") {
      const token = await this.session.idToken();
      if (!token) throw new Problem("signed-out", "Please sign in", "Only who is signed in may change the shelves.");
      headers["Authorization"] = token;
    }
    const url = this.config.apiUrl + path;
    let answer: Response;
    try {
      answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    } catch {
      throw await explainBlocked(url, method, "The API");
    }
    if (answer.status === 204) return undefined as T;
    const text = await answer.text();
    if (answer.ok) return readJson<T>(text, "The API", url);
    if (answer.status === 401) this.session.drop();
    throw refusal(answer, messageOf(text), `${method} ${url}: ${answer.status}`);
  }
}

function messageOf(text: string): string {
  try {
    const found = JSON.parse(text) as { message?: string; Message?: string };
    return found.message ?? found.Message ?? "";
  } catch {
    return "";
  }
}

function refusal(answer: Response, message: string, detail: string): Problem {
  if (answer.status === 401) {
    return new Problem("signed-out", "Please sign in again", "Your sign-in has ended, or is not for this store.", [], detail);
  }
  if (answer.status === 404) {
    return new Problem("missing", "Not on the shelf", message || "There is no such book.", [], detail);
  }
  if (answer.status >= 500) {
    const hints = ["Try again in a moment.", "The function’s log says more: lambent logs, or CloudWatch."];
    return new Problem("server", "The store has a problem", message || "The API could not answer.", hints, detail);
  }
  return new Problem("refused", "That was refused", message || `The API answered ${answer.status}.`, [], detail);
}
