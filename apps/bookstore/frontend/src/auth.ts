import { Problem, explainBlocked, readJson } from "./problems";
import type { Config } from "./types";

const STORED = "bookstore-session";
const EARLY_MS = 60_000;

interface Tokens {
  id: string;
  access: string;
  refresh: string;
  email: string;
  untilMs: number;
}

interface AuthResult {
  AuthenticationResult?: { IdToken: string; AccessToken: string; RefreshToken?: string; ExpiresIn: number };
  ChallengeName?: string;
}

/** Who is signed in, by the user pool's own API: nothing but fetch. Tokens live as long as the tab. */
export class Session {
  private tokens: Tokens | null = null;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly config: Config) {
    try {
      this.tokens = JSON.parse(sessionStorage.getItem(STORED) ?? "null") as Tokens | null;
    } catch {
      this.tokens = null;
    }
  }

  get email(): string | null {
    return this.tokens?.email ?? null;
  }

  /** For React: be told of every change. */
  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  async signIn(email: string, password: string): Promise<void> {
    const found = await this.call<AuthResult>("InitiateAuth", {
      AuthFlow: "USER_PASSWORD_AUTH",
      ClientId: this.config.clientId,
      AuthParameters: { USERNAME: email, PASSWORD: password },
    });
    if (!found.AuthenticationResult) {
      throw new Problem("refused", "One more step is needed", `The user pool asks for ${found.ChallengeName ?? "more"}.`);
    }
    this.keep(found.AuthenticationResult, email, "");
  }

  /** Returns where the confirmation code was sent. */
  async signUp(email: string, password: string): Promise<string> {
    const found = await this.call<{ CodeDeliveryDetails?: { Destination?: string } }>("SignUp", {
      ClientId: this.config.clientId,
      Username: email,
      Password: password,
      UserAttributes: [{ Name: "email", Value: email }],
    });
    return found.CodeDeliveryDetails?.Destination ?? email;
  }

  async confirm(email: string, code: string): Promise<void> {
    await this.call("ConfirmSignUp", { ClientId: this.config.clientId, Username: email, ConfirmationCode: code });
  }

  async resend(email: string): Promise<void> {
    await this.call("ResendConfirmationCode", { ClientId: this.config.clientId, Username: email });
  }

  /** Has a code sent to whoever forgot the password; returns where to. */
  async forgot(email: string): Promise<string> {
    const found = await this.call<{ CodeDeliveryDetails?: { Destination?: string } }>("ForgotPassword", {
      ClientId: this.config.clientId,
      Username: email,
    });
    return found.CodeDeliveryDetails?.Destination ?? email;
  }

  async reset(email: string, code: string, password: string): Promise<void> {
    await this.call("ConfirmForgotPassword", {
      ClientId: this.config.clientId,
      Username: email,
      ConfirmationCode: code,
      Password: password,
    });
  }

  async signOut(): Promise<void> {
    const access = this.tokens?.access;
    this.drop();
    if (!access) return;
    try {
      await this.call("GlobalSignOut", { AccessToken: access });
    } catch {
      // Signed out here in any case; the tokens end by themselves.
    }
  }

  /** The id token for the API's Authorization header, renewed when it is about to end; null when nobody is signed in. */
  async idToken(): Promise<string | null> {
    const tokens = this.tokens;
    if (!tokens) return null;
    if (Date.now() < tokens.untilMs - EARLY_MS) return tokens.id;
    try {
      const found = await this.call<AuthResult>("InitiateAuth", {
        AuthFlow: "REFRESH_TOKEN_AUTH",
        ClientId: this.config.clientId,
        AuthParameters: { REFRESH_TOKEN: tokens.refresh },
      });
      if (!found.AuthenticationResult) throw new Error("no tokens");
      this.keep(found.AuthenticationResult, tokens.email, tokens.refresh);
    } catch {
      this.drop();
    }
    return this.tokens?.id ?? null;
  }

  /** Forget a sign-in that the API refused. */
  drop(): void {
    this.store(null);
  }

  private keep(found: NonNullable<AuthResult["AuthenticationResult"]>, email: string, refresh: string): void {
    this.store({
      id: found.IdToken,
      access: found.AccessToken,
      refresh: found.RefreshToken ?? refresh,
      email,
      untilMs: Date.now() + found.ExpiresIn * 1000,
    });
  }

  private store(tokens: Tokens | null): void {
    this.tokens = tokens;
    if (tokens) sessionStorage.setItem(STORED, JSON.stringify(tokens));
    else sessionStorage.removeItem(STORED);
    for (const listener of this.listeners) listener();
  }

  private async call<T>(operation: string, parameters: unknown): Promise<T> {
    let answer: Response;
    try {
      answer = await fetch(this.config.cognitoEndpoint, {
        method: "POST",
        headers: {
          "Content-Type": "application/x-amz-json-1.1",
          "X-Amz-Target": `AWSCognitoIdentityProviderService.${operation}`,
        },
        body: JSON.stringify(parameters),
      });
    } catch {
      throw await explainBlocked(this.config.cognitoEndpoint, "POST", "The user pool", []);
    }
    const text = await answer.text();
    const found = readJson<{ __type?: string; message?: string; Message?: string }>(text || "{}", "The user pool", this.config.cognitoEndpoint);
    if (answer.ok) return found as T;
    throw refused(found.__type?.split("#").pop() ?? "", found.message ?? found.Message ?? `status ${answer.status}`);
  }
}

/** A refusal of the user pool; `detail` is its code, by which the form knows what comes next. */
function refused(code: string, message: string): Problem {
  const words: Record<string, string> = {
    NotAuthorizedException: "Email address or password is wrong.",
    UserNotFoundException: "Email address or password is wrong.",
    PasswordResetRequiredException: "The password was reset: have a code sent, and choose another.",
    UserNotConfirmedException: "This address is not confirmed yet: enter the code that was sent to it.",
    UsernameExistsException: "Somebody has signed up with this address already.",
    CodeMismatchException: "This is not the code that was sent.",
    ExpiredCodeException: "The code is too old: have a new one sent.",
    LimitExceededException: "Too many attempts: wait a while.",
    TooManyRequestsException: "Too many attempts: wait a while.",
  };
  const told = code === "NotAuthorizedException" && !message.startsWith("Incorrect") ? message : (words[code] ?? message);
  return new Problem("refused", "That did not work", told, [], code);
}
