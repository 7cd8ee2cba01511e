import { cloneElement, useId, type ReactElement } from "react";

type Control = ReactElement<{ id?: string; "aria-describedby"?: string | undefined; "aria-invalid"?: boolean }>;

/** A control with its label, and what there is to say about it. */
export function Field({ label, hint, error, children }: { label: string; hint?: string | undefined; error?: string | undefined; children: Control }) {
  const id = useId();
  const told = error ?? hint;
  return (
    <div className="field" data-wrong={Boolean(error)}>
      <label htmlFor={id}>{label}</label>
      {cloneElement(children, { id, "aria-describedby": told ? `${id}-told` : undefined, "aria-invalid": Boolean(error) })}
      {told && (
        <p className="field-told" id={`${id}-told`}>
          {told}
        </p>
      )}
    </div>
  );
}
