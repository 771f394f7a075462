/** What the start page asks of the server: what there is to open, what data is taken for, and to change what is open. */

import { BackendError } from "../backend/backend";
import { readContent, type Content, type Session } from "../protocol";
import type * as wire from "../wire.gen";

export type Offers = wire.DeskInfo;
export type Recent = wire.RecentInfo;
export type Partial_ = wire.PartialInfo;
export type LookColumn = wire.LookColumn;
export type Look = Omit<wire.Look, "items"> & { items: Content[] | null };

/** As --schema takes them; only what was said, the rest is inferred. */
export interface Corrections {
  modality?: string;
  target?: string;
  image_size?: number;
  columns?: Record<string, { kind?: string; role?: string }>;
}

export interface Fit {
  source: string;
  corrections: Corrections;
  output: string;
  overwrite: boolean;
  epochs: number | null;
  latentDim: number | null;
  model: string | null;
}

export interface Desk {
  offers(): Promise<Offers>;
  /** Sends a file; the answer is the source to look at. `name` may hold folders. */
  upload(file: Blob, name: string, sent: (bytes: number) => void, signal: AbortSignal): Promise<string>;
  look(source: string, corrections: Corrections, signal: AbortSignal): Promise<Look>;
  fit(wanted: Fit): Promise<Session>;
  open(path: string): Promise<Session>;
  resume(path: string): Promise<Session>;
  /** Back to the start page; a fit ends, and its checkpoint is kept. */
  leave(): Promise<Session>;
  discard(path: string): Promise<Offers>;
  forget(path: string): Promise<Offers>;
}

const UNHEARD = "The server does not answer; is deepspace still running in its terminal?";

export class HttpDesk implements Desk {
  constructor(private readonly base = "") {}

  private async ask<T>(what: string, content?: object, signal?: AbortSignal): Promise<T> {
    const path = `${this.base}api/desk${what}`;
    const post = { method: "POST", body: JSON.stringify(content ?? {}), headers: { "Content-Type": "application/json" } };
    let answer: Response;
    try {
      answer = await fetch(path, { ...(what ? post : {}), ...(signal ? { signal } : {}) });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new BackendError(UNHEARD);
    }
    return read<T>(answer.status, await answer.text());
  }

  offers() { return this.ask<Offers>(""); }
  fit(wanted: Fit) { return this.ask<Session>("/fit", wanted); }
  open(path: string) { return this.ask<Session>("/open", { path }); }
  resume(path: string) { return this.ask<Session>("/resume", { path }); }
  leave() { return this.ask<Session>("/leave"); }
  discard(path: string) { return this.ask<Offers>("/discard", { path }); }
  forget(path: string) { return this.ask<Offers>("/forget", { path }); }

  async look(source: string, corrections: Corrections, signal: AbortSignal): Promise<Look> {
    const found = await this.ask<wire.Look>("/look", { source, corrections }, signal);
    return { ...found, items: found.items?.map((item) => readContent(item)) ?? null };
  }

  upload(file: Blob, name: string, sent: (bytes: number) => void, signal: AbortSignal): Promise<string> {
    // Only this older interface tells how far an upload is.
    const request = new XMLHttpRequest();
    request.open("PUT", `${this.base}api/desk/uploads?name=${encodeURIComponent(name)}`);
    request.setRequestHeader("X-Deepspace", "1");
    request.upload.onprogress = (event) => sent(event.loaded);
    signal.addEventListener("abort", () => request.abort());
    return new Promise((resolve, reject) => {
      request.onload = () => {
        try {
          resolve(read<wire.SourceInfo>(request.status, request.responseText).source);
        } catch (error) {
          reject(error as Error);
        }
      };
      request.onerror = () => reject(new BackendError(UNHEARD));
      request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
      request.send(file);
    });
  }
}

function read<T>(status: number, text: string): T {
  let found: unknown = null;
  try {
    found = JSON.parse(text);
  } catch {
    // Not JSON: the status has to do.
  }
  if (status >= 200 && status < 300 && found !== null) return found as T;
  throw new BackendError(String((found as { error?: string } | null)?.error ?? `The server answered ${status}.`));
}
