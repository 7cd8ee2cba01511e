import { Problem } from "./problems";
import type { Config } from "./types";

const NEEDED: (keyof Config)[] = ["apiUrl", "coversUrl", "region", "userPoolId", "clientId", "cognitoEndpoint"];

/** Read `config.json`. The same pages serve every deployment; only this file differs. */
export async function loadConfig(): Promise<Config> {
  let found: Partial<Config>;
  try {
    const answer = await fetch("./config.json", { cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    found = (await answer.json()) as Partial<Config>;
  } catch (error) {
    throw new Problem("setup", "The store is not set up yet", "config.json could not be read beside this page.", [
      "Write config.json with the outputs of the stack (config.example.json shows how), and upload it next to index.html.",
      `The browser said: ${error instanceof Error ? error.message : String(error)}`,
    ]);
  }
  const missing = NEEDED.filter((name) => !found[name]);
  if (missing.length > 0) {
    throw new Problem("setup", "The store is not set up yet", `config.json lacks ${missing.join(", ")}.`);
  }
  const config = found as Config;
  return { ...config, apiUrl: config.apiUrl.replace(/\/$/, ""), coversUrl: config.coversUrl.replace(/\/$/, "") };
}
