import { useEffect, useId, useState, type DragEvent } from "react";
import { bytes } from "../format";

interface Props {
  file: File | null;
  choose: (file: File | null) => void;
  /** The address of the cover that the book has already. */
  now: string | undefined;
  disabled: boolean;
}

/** Choosing a cover, by the file dialog or by dropping a picture here; shows it before it is uploaded. */
export function CoverPicker({ file, choose, now, disabled }: Props) {
  const id = useId();
  const [over, setOver] = useState(false);
  const [wrong, setWrong] = useState("");
  const [preview, setPreview] = useState<string>();
  // A picture of a kind that the browser does not know, or none at all: the one who draws the pictures finds out.
  const [blind, setBlind] = useState<string>();
  useEffect(() => {
    if (!file) {
      setPreview(undefined);
      return;
    }
    const url = URL.createObjectURL(file);
    setPreview(url);
    return () => URL.revokeObjectURL(url);
  }, [file]);

  const take = (found: File | undefined) => {
    if (!found) return;
    const fits = found.type.startsWith("image/");
    setWrong(fits ? "" : `${found.name} is no picture.`);
    if (fits) choose(found);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (!disabled) take(event.dataTransfer.files[0]);
  };
  const shown = preview ?? now;
  return (
    <div className="picker">
      <span className="picker-label" id={`${id}-label`}>
        Cover
      </span>
      <input id={id} className="hidden" type="file" accept="image/*" disabled={disabled} onChange={(event) => take(event.target.files?.[0])} aria-labelledby={`${id}-label`} aria-describedby={`${id}-told`} />
      <label
        htmlFor={id}
        className="drop"
        data-over={over}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        {shown && shown !== blind ? (
          <img src={shown} alt="The cover" onError={() => setBlind(shown)} />
        ) : (
          <span>{shown ? "The browser cannot show this file" : "Choose a cover, or drop one here"}</span>
        )}
      </label>
      <p className="field-told" id={`${id}-told`} role="status">
        {wrong || (file ? `${file.name}, ${bytes(file.size)}` : shown ? "Click to choose another cover." : "Any picture, 5 MB at most.")}
      </p>
      {file && !disabled && (
        <button className="link" type="button" onClick={() => choose(null)}>
          {now ? "Keep the old cover" : "Without a cover"}
        </button>
      )}
    </div>
  );
}
