import { useState } from "react";
import type { Book } from "../types";

const CLOTHS = ["#7a2e2a", "#2f4a5f", "#45573c", "#6b4a2b", "#513a63", "#1f5550", "#8a5a19", "#5b2f45"];

/** A book's cover; a binding of plain cloth where there is no picture, always the same for the same book. */
export function Cover({ book, url, large = false }: { book: Book; url: string | undefined; large?: boolean }) {
  const [broken, setBroken] = useState("");
  if (url && broken !== url) {
    return (
      <span className="cover" data-large={large}>
        <img
          src={url}
          alt={`Cover of ${book.title}`}
          loading={large ? "eager" : "lazy"}
          decoding="async"
          onError={() => setBroken(url)}
        />
      </span>
    );
  }
  return (
    <span className="cover cloth" data-large={large} style={{ "--cloth": cloth(book.id) } as React.CSSProperties} aria-hidden="true">
      <span className="cloth-title">{book.title}</span>
      <span className="cloth-author">{book.author}</span>
    </span>
  );
}

function cloth(id: string): string {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return CLOTHS[sum % CLOTHS.length] ?? "#7a2e2a";
}
