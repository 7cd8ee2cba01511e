export type ProblemKind = "setup" | "cors" | "offline" | "signed-out" | "missing" | "refused" | "server" | "upload";

/** Something that went wrong, in words for the person at the screen; `hints` say what to look at, `detail` is for those who
 * repair it. */
export class Problem extends Error {
  constructor(
    readonly kind: ProblemKind,
    readonly title: string,
    message: string,
    readonly hints: string[] = [],
    readonly detail = "",
  ) {
    super(message);
  }
}

/** Any error as a problem. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem("server", "That did not work", error instanceof Error ? error.message : String(error));
}

/** What an answer says in JSON; a page of somebody else's, say, is told as what it is. */
export function readJson<T>(text: string, what: string, url: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    const began = text.trim().slice(0, 60);
    throw new Problem("setup", `${what} is not where it should be`, "Something else answered at its address.", [
      "Is the address in config.json right?",
    ], `${url} answered: ${began || "nothing"}`);
  }
}

const API_HINTS = [
  "Is Cors set for the API in the template, so that OPTIONS answers with Access-Control-Allow-Origin, -Methods and -Headers?",
  "Do the functions’ own answers, and the gateway responses 4XX and 5XX, carry Access-Control-Allow-Origin?",
  "Was the API deployed after the change? A change to its methods takes effect only with a new deployment of the stage.",
];

/** What to look at when it is the covers bucket that the browser may not use. */
export const BUCKET_HINTS = ["Does the bucket’s CorsConfiguration allow POST from this origin?"];

/** A browser tells a script neither why a request failed nor what was answered. Ask again in a way that needs nobody's
 * consent and shows nothing: when that goes through, the server is there and the browser kept the answer from us. */
export async function explainBlocked(url: string, method: string, what: string, hints = API_HINTS): Promise<Problem> {
  let reachable = true;
  try {
    await fetch(url, { mode: "no-cors", cache: "no-store" });
  } catch {
    reachable = false;
  }
  const detail = `${method} ${url} from ${location.origin}`;
  if (!reachable) {
    const checks = ["Is the cloud running?", "Is the address in config.json right?"];
    return new Problem("offline", `${what} cannot be reached`, "No answer came at all.", checks, detail);
  }
  return new Problem(
    "cors",
    "The browser blocked the answer",
    `${what} is there, but does not allow pages of ${location.origin} to read it (CORS).`,
    hints,
    detail,
  );
}
