import { useEffect, useState, type FormEvent } from "react";
import { Problem, asProblem } from "../problems";
import { go, linkTo } from "../router";
import { useStore } from "../store";
import { Field } from "./Field";
import { ProblemNotice } from "./Notices";

type Step = "in" | "up" | "confirm" | "forgot" | "reset";
const WORDS: Record<Step, { title: string; button: string; busy: string }> = {
  in: { title: "Sign in", button: "Sign in", busy: "Signing in…" },
  up: { title: "Sign up", button: "Create the account", busy: "Creating…" },
  confirm: { title: "Check your mail", button: "Confirm", busy: "Confirming…" },
  forgot: { title: "Forgot your password?", button: "Send a code", busy: "Sending…" },
  reset: { title: "Choose a new password", button: "Change the password", busy: "Changing…" },
};

/** Signing in, signing up, a password that was forgotten, and the codes in between. */
export function SignIn() {
  const { session, email: current, say } = useStore();
  const [step, setStep] = useState<Step>("in");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [sentTo, setSentTo] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    if (current) go(linkTo.shelf);
  }, [current]);

  const to = (next: Step) => {
    setProblem(null);
    setStep(next);
  };
  const attempt = async (work: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    try {
      await work();
    } catch (error) {
      const found = asProblem(error);
      if (found.detail === "UserNotConfirmedException") setStep("confirm");
      setProblem(found);
    }
    setBusy(false);
  };
  const signIn = async () => {
    await session.signIn(email, password);
    say("You are signed in.");
  };
  const work: Record<Step, () => Promise<void>> = {
    in: signIn,
    up: async () => {
      setSentTo(await session.signUp(email, password));
      setStep("confirm");
    },
    confirm: async () => {
      await session.confirm(email, code.trim());
      setCode("");
      setStep("in");
      if (password) await signIn();
    },
    forgot: async () => {
      setSentTo(await session.forgot(email));
      setPassword("");
      setCode("");
      setStep("reset");
    },
    reset: async () => {
      await session.reset(email, code.trim(), password);
      setCode("");
      setStep("in");
      await signIn();
    },
  };
  const resend = async () => {
    if (step === "reset") await session.forgot(email);
    else await session.resend(email);
    say("A new code is on its way.");
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(work[step]);
  };

  const coded = step === "confirm" || step === "reset";
  const chooses = step === "up" || step === "reset";
  return (
    <section className="narrow">
      <h1>{WORDS[step].title}</h1>
      {step === "confirm" && <p>A code was sent to {sentTo || email || "your address"}. Enter it here to confirm that the address is yours.</p>}
      {step === "forgot" && <p>A code is sent to your address; with it you choose a new password.</p>}
      {step === "reset" && <p>If somebody has signed up with {email}, a code was sent to {sentTo || "this address"}.</p>}
      <form className="form" onSubmit={submit}>
        {problem && <ProblemNotice problem={problem} />}
        <Field label="Email address">
          <input type="email" required autoComplete="username" value={email} onChange={(event) => setEmail(event.target.value)} readOnly={coded && email !== ""} />
        </Field>
        {coded && (
          <Field label="Code">
            <input inputMode="numeric" required autoComplete="one-time-code" value={code} onChange={(event) => setCode(event.target.value)} autoFocus />
          </Field>
        )}
        {step !== "confirm" && step !== "forgot" && (
          <Field label={step === "reset" ? "New password" : "Password"} hint={chooses ? "At least eight characters, with upper and lower case letters and a digit." : undefined}>
            <input
              type="password"
              required
              minLength={chooses ? 8 : undefined}
              autoComplete={chooses ? "new-password" : "current-password"}
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          </Field>
        )}
        <div className="actions">
          <button className="button primary" type="submit" disabled={busy}>
            {busy ? WORDS[step].busy : WORDS[step].button}
          </button>
          {coded && (
            <button className="button quiet" type="button" disabled={busy || !email} onClick={() => void attempt(resend)}>
              Send a new code
            </button>
          )}
        </div>
      </form>
      <p className="hint">
        {step === "in" && (
          <>
            New here?{" "}
            <button className="link" type="button" onClick={() => to("up")}>
              Sign up
            </button>
            {" · "}
            <button className="link" type="button" onClick={() => to("confirm")}>
              I have a code
            </button>
            {" · "}
            <button className="link" type="button" onClick={() => to("forgot")}>
              Forgot your password?
            </button>
          </>
        )}
        {step !== "in" && (
          <button className="link" type="button" onClick={() => to("in")}>
            Back to signing in
          </button>
        )}
      </p>
    </section>
  );
}
