// Asks people on behalf of an agent, and waits for what they say. One file without dependencies, for Node 18 and later,
// Deno, Bun and browsers; Node 22.18 and later run it as it stands. Its types are erasable.
//
//   import { Gate } from "./agent-telemetry.ts";
//   const gate = new Gate();                       // TELEMETRY_URL, TELEMETRY_TOKEN
//   const answer = await gate.ask("deploy", { version: "4.2" }, {
//     key: "release-7", timeout: "2h", understands: ["edited"],
//   });
//   if (answer.approved) await deploy(answer.edited ?? { version: "4.2" });

export type Status = "approved" | "denied" | "changes" | "timeout" | "cancelled" | "unavailable" | "unknown";
export type Understood = "edited" | "changes" | "extended";
export type Context = Record<string, unknown>;

export interface Answer {
  readonly requestId: string;
  readonly status: Status;
  /** Go on only where this is true. */
  readonly approved: boolean;
  readonly responder: string;
  readonly reason: string;
  /** What was approved in the place of the context; for who said that they understand it. */
  readonly edited: Context | null;
  /** Nobody could be asked, since the site did not answer. */
  readonly away: boolean;
  /** Where people could not approve this as the site is now: why. */
  readonly warning: string;
}

export interface Request {
  readonly id: string;
  readonly type: string;
  readonly agent: string;
  readonly context: Context;
  readonly status: string;
  readonly key: string | null;
  readonly warning: string;
  readonly deadline: number;
}

export interface Asking {
  /** The same key is the same request, whoever asks again, also after a restart. */
  key?: string;
  /** Seconds, or words such as "90s", "2h" and "forever"; 300 s. */
  timeout?: number | string;
  understands?: readonly Understood[];
  /** The id of the request that was answered by asking back. */
  revises?: string;
}

export interface Waiting {
  /** An approval is for this name alone; AlreadyCollected for every other. */
  claim?: string;
  understands?: readonly Understood[];
  /** Aborting `ask` withdraws a request that has no key. */
  signal?: AbortSignal;
}

/** The site said no to the call itself: the token, a field, or too many. */
export class Refused extends Error {
  readonly status: number;
  readonly field: string;
  constructor(status: number, message: string, field = "") {
    super(message);
    this.name = new.target.name;
    this.status = status;
    this.field = field;
  }
}

/** The approval was used before, under another name or none. */
export class AlreadyCollected extends Refused {}

/** The site did not answer; nothing tells whether it heard. */
export class Unavailable extends Error {}

const ASK_MS = 60_000; // a site that is deployed anew is back by then
const LONG_POLL_SECONDS = 25;
const OVERTIME_MS = 5_000;
const BUSY = [408, 500, 502, 503, 504];

type Said = { status: number; body: Record<string, any> };

export class Gate {
  readonly #address: string;
  readonly #token: string;
  readonly #agent: string;
  readonly #fetch: typeof fetch;

  /** By default TELEMETRY_URL, TELEMETRY_TOKEN and, for a fleet's token, TELEMETRY_AGENT. */
  constructor(options: { address?: string; token?: string; agent?: string; fetch?: typeof fetch } = {}) {
    const env = environment();
    const address = options.address ?? env.TELEMETRY_URL ?? "";
    // AGENT_TOKEN is what it was called before.
    const token = options.token ?? env.TELEMETRY_TOKEN ?? env.AGENT_TOKEN ?? "";
    if (!/^https?:\/\/[^/]/.test(address)) throw new TypeError("address must be that of a site, such as https://telemetry.example");
    if (!token) throw new TypeError("token is missing: give one from the page Connect, or set TELEMETRY_TOKEN");
    this.#address = `${address.replace(/\/+$/, "").replace(/\/api\/v1$/, "")}/api/v1/`;
    this.#token = token.trim();
    this.#agent = options.agent ?? env.TELEMETRY_AGENT ?? "";
    this.#fetch = options.fetch ?? fetch;
  }

  /** A gate for tests: answers at once, by nobody, and asks no server. `asked` has what it was asked. */
  static fake(approve: boolean | ((type: string, context: Context) => boolean) = true, reason = ""): FakeGate {
    return new FakeGate(approve, reason);
  }

  /** Ask and wait: what somebody said, or `approved: false` with the reason. `default`: what to do where the site is away. */
  async ask(type: string, context: Context = {}, options: Asking & Waiting & { default?: boolean } = {}): Promise<Answer> {
    let request: Request;
    try {
      request = await this.open(type, context, options, options.signal);
    } catch (error) {
      if (error instanceof Unavailable) return unavailable("", error.message, true, options.default);
      throw error;
    }
    try {
      return await this.#end(request, options);
    } catch (error) {
      if (error instanceof Unavailable) return unavailable(request.id, error.message, true, options.default);
      if (options.signal?.aborted && options.key === undefined) await this.cancel(request).catch(() => false);
      throw error;
    }
  }

  /** Store a request, or find the one of this key, and return at once. Sent again for a minute while the site is away. */
  async open(type: string, context: Context = {}, options: Asking = {}, signal?: AbortSignal): Promise<Request> {
    const seconds = secondsOf(options.timeout ?? 300);
    const body = {
      type,
      context: plain(context),
      timeout: seconds === Infinity ? null : seconds,
      key: options.key ?? `once ${crypto.randomUUID()}`,
      ...(options.understands?.length ? { understands: options.understands } : {}),
      ...(options.revises ? { revises: options.revises } : {}),
      ...(this.#agent ? { agent: this.#agent } : {}),
    };
    const until = Date.now() + Math.min(ASK_MS, seconds * 1000);
    const said = await patiently(() => this.#call("POST", "requests", { body, signal }), until, signal);
    return requestOf(said.body);
  }

  /** Wait until it has ended; null where `seconds` came first. */
  async wait(request: Request | string, options: Waiting & { seconds?: number } = {}): Promise<Answer | null> {
    const known = typeof request === "string" ? await this.#read(request, options.signal) : request;
    if (options.seconds === undefined) return this.#end(known, options);
    const until = Date.now() + options.seconds * 1000;
    for (;;) {
      const left = Math.max(0, until - Date.now()) / 1000;
      const answer = await this.#outcome(known, Math.min(LONG_POLL_SECONDS, left), options);
      if (answer !== null || left <= 0) return answer;
    }
  }

  /** This agent's requests, newest first. */
  async find(options: { key?: string; status?: string } = {}): Promise<Request[]> {
    const found: Request[] = [];
    let older_than: string | undefined;
    do {
      const { requests, next } = (await this.#call("GET", "requests", { query: { ...options, older_than } })).body;
      if (!Array.isArray(requests)) throw new Unavailable("what answers is no site of this kind");
      found.push(...requests.map(requestOf));
      older_than = next;
    } while (older_than);
    return found;
  }

  /** Withdraw it; false when it has ended. */
  async cancel(request: Request | string): Promise<boolean> {
    const id = typeof request === "string" ? request : request.id;
    const body = this.#agent ? { agent: this.#agent } : {};
    return (await this.#call("POST", `requests/${encodeURIComponent(id)}/cancel`, { body })).body.cancelled === true;
  }

  async #read(id: string, signal?: AbortSignal): Promise<Request> {
    const read = () => this.#call("GET", `requests/${encodeURIComponent(id)}`, { signal });
    return requestOf((await patiently(read, Date.now() + ASK_MS, signal)).body);
  }

  async #end(request: Request, options: Waiting): Promise<Answer> {
    let pause = 100;
    for (;;) {
      try {
        const answer = await this.#outcome(request, LONG_POLL_SECONDS, options);
        if (answer !== null) return answer;
        pause = 100;
      } catch (error) {
        if (!(error instanceof Unavailable) || Date.now() > request.deadline + OVERTIME_MS) throw error;
        await sleep(pause, options.signal);
        pause = Math.min(2_000, pause * 2);
      }
    }
  }

  async #outcome(request: Request, seconds: number, options: Waiting): Promise<Answer | null> {
    const query = { wait: seconds.toFixed(3), claim: options.claim, understands: options.understands?.join(",") };
    const path = `requests/${encodeURIComponent(request.id)}/outcome`;
    const said = await this.#call("GET", path, { query, signal: options.signal, seconds: seconds + 10 });
    if (said.status === 202) return null;
    if (said.body.id !== request.id) throw new Unavailable("the site told the outcome of another request");
    return answerOf(said.body, request.warning);
  }

  async #call(
    method: string,
    path: string,
    more: { body?: object; query?: Record<string, string | undefined>; signal?: AbortSignal; seconds?: number } = {},
  ): Promise<Said> {
    more.signal?.throwIfAborted();
    const url = new URL(this.#address + path);
    const query = { ...(method === "GET" && this.#agent ? { agent: this.#agent } : {}), ...more.query };
    for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), (more.seconds ?? 10) * 1000);
    const abort = () => stop.abort();
    more.signal?.addEventListener("abort", abort, { once: true });
    try {
      const response = await this.#fetch(url, {
        method,
        redirect: "manual",
        signal: stop.signal,
        headers: { Authorization: `Bearer ${this.#token}`, ...(more.body ? { "Content-Type": "application/json" } : {}) },
        ...(more.body ? { body: JSON.stringify(more.body) } : {}),
      });
      return checked({ status: response.status, body: await response.json().catch(() => ({})) });
    } catch (error) {
      more.signal?.throwIfAborted();
      if (error instanceof Refused || error instanceof Unavailable) throw error;
      throw new Unavailable(`the site does not answer: ${error}`);
    } finally {
      clearTimeout(timer);
      more.signal?.removeEventListener("abort", abort);
    }
  }
}

export class FakeGate {
  readonly asked: [string, Context][] = [];
  readonly #approve: boolean | ((type: string, context: Context) => boolean);
  readonly #reason: string;

  constructor(approve: boolean | ((type: string, context: Context) => boolean), reason: string) {
    this.#approve = approve;
    this.#reason = reason;
  }

  async ask(type: string, context: Context = {}, _options: object = {}): Promise<Answer> {
    this.asked.push([type, context]);
    const approved = typeof this.#approve === "function" ? this.#approve(type, context) : this.#approve;
    const status = approved ? "approved" : "denied";
    return { requestId: "fake", status, approved, responder: "fake", reason: this.#reason, edited: null, away: false, warning: "" };
  }
}

function checked(said: Said): Said {
  const message = String(said.body.message ?? `the site answered with ${said.status}`);
  if (said.status === 200 || said.status === 201 || said.status === 202) return said;
  if (BUSY.includes(said.status)) throw new Unavailable(message);
  if (said.status > 403 && said.body.error === undefined) throw new Unavailable(`what answers is no site of this kind (${said.status})`);
  if (said.status === 409 && said.body.error === "collected") throw new AlreadyCollected(409, message);
  throw new Refused(said.status, message, String(said.body.field ?? ""));
}

async function patiently<T>(call: () => Promise<T>, until: number, signal?: AbortSignal): Promise<T> {
  for (let pause = 100; ; pause = Math.min(2_000, pause * 2)) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof Unavailable) || Date.now() + pause >= until) throw error;
    }
    await sleep(pause, signal);
  }
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, milliseconds);
    function done() {
      signal?.removeEventListener("abort", stop);
      resolve();
    }
    function stop() {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", stop, { once: true });
  });
}

function requestOf(said: Record<string, any>): Request {
  const seconds = said.timeout === null ? Infinity : Number(said.timeout);
  const key = typeof said.key === "string" && !/^once [0-9a-f-]{36}$/.test(said.key) ? said.key : null;
  return {
    id: said.id, type: said.type, agent: said.agent, context: said.context, status: said.status, key,
    warning: said.warning ?? "", deadline: Date.parse(said.asked_at) + seconds * 1000,
  };
}

function answerOf(said: Record<string, any>, warning: string): Answer {
  const approved = said.approved === true && said.status === "approved";
  return {
    requestId: said.id, status: said.status, approved, responder: said.responder, reason: said.reason,
    edited: said.edited ?? null, away: false, warning,
  };
}

function unavailable(requestId: string, why: string, away: boolean, byDefault = false): Answer {
  const reason = `unavailable: ${why}${byDefault ? " The agent goes on: default is true." : ""}`;
  return { requestId, status: "unavailable", approved: byDefault, responder: "system", reason, edited: null, away, warning: "" };
}

/** Seconds: of a number, "90s", "2h", "1h 30m" or "forever". */
export function secondsOf(timeout: number | string): number {
  if (typeof timeout === "number") return timeout;
  if (timeout.trim() === "forever") return Infinity;
  const units: Record<string, number> = { d: 86400, h: 3600, m: 60, s: 1 };
  const parts = [...timeout.matchAll(/([0-9]+(?:\.[0-9]+)?) ?([dhms])/g)];
  if (!parts.length || timeout.replace(/([0-9]+(?:\.[0-9]+)?) ?([dhms])/g, "").trim())
    throw new TypeError(`timeout must be seconds or words such as "90s", "2h" or "forever", not ${JSON.stringify(timeout)}`);
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit!] ?? 0), 0);
}

/** What a context may hold beside JSON: dates as ISO 8601, bigint as text, maps as objects, sets as lists. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError(`context has ${value}, which JSON cannot hold`);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Set) return [...value].map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, one]) => [String(key), plain(one)]));
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === "object")
    return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined).map(([key, one]) => [key, plain(one)]));
  return value;
}

function environment(): Record<string, string | undefined> {
  return (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env ?? {};
}
