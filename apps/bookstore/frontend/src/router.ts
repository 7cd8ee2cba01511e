import { useSyncExternalStore } from "react";

/** Where one is in the store: the part of the address after the #, which every website can serve. */
export type Place =
  | { at: "shelf" }
  | { at: "book"; id: string }
  | { at: "edit"; id: string }
  | { at: "add" }
  | { at: "sign-in" }
  | { at: "nowhere" };

export function parse(hash: string): Place {
  const parts = hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decode);
  const [first, id, last] = parts;
  if (parts.length === 0) return { at: "shelf" };
  if (first === "add" && parts.length === 1) return { at: "add" };
  if (first === "sign-in" && parts.length === 1) return { at: "sign-in" };
  if (first === "books" && id && parts.length === 2) return { at: "book", id };
  if (first === "books" && id && last === "edit" && parts.length === 3) return { at: "edit", id };
  return { at: "nowhere" };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const linkTo = {
  shelf: "#/",
  add: "#/add",
  signIn: "#/sign-in",
  book: (id: string) => `#/books/${encodeURIComponent(id)}`,
  edit: (id: string) => `#/books/${encodeURIComponent(id)}/edit`,
};

export function go(link: string): void {
  location.hash = link;
}

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}

export function usePlace(): Place {
  return parse(useSyncExternalStore(subscribe, () => location.hash));
}
