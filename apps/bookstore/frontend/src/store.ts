import { createContext, useContext } from "react";
import type { Api } from "./api";
import type { Session } from "./auth";
import type { Problem } from "./problems";
import type { Book } from "./types";

/** What every page of the store has at hand. */
export interface Store {
  api: Api;
  session: Session;
  email: string | null;
  /** null while they are being fetched. */
  books: Book[] | null;
  problem: Problem | null;
  reload: () => Promise<void>;
  /** Put a changed book in its place, or take one away, without asking the API again. */
  keep: (book: Book) => void;
  forget: (id: string) => void;
  /** A line at the foot of the page that goes away by itself. */
  say: (text: string) => void;
}

export const StoreContext = createContext<Store | null>(null);

export function useStore(): Store {
  const store = useContext(StoreContext);
  if (!store) throw new Error("no store");
  return store;
}
