import { mount } from "svelte";
import App from "./App.svelte";
import "./tokens.css";
import "./base.css";
import type { Backend } from "./lib/backend/backend";
import { HttpBackend } from "./lib/backend/http";
import { Explorer } from "./lib/state/explorer.svelte";

/** `?fixture=table&n=1000000` runs on data made up inside the page; otherwise the server that sent the page is asked. */
async function backend(): Promise<Backend> {
  const words = new URLSearchParams(location.search);
  const fixture = words.get("fixture");
  if (!fixture) return new HttpBackend();
  const { FixtureBackend } = await import("./lib/backend/fixture");
  return new FixtureBackend(fixture, Number(words.get("n")) || undefined);
}

// A notebook that holds this page in a frame is told that it is there, and nothing else.
if (parent !== window) parent.postMessage("deepspace:here", "*");

void backend().then((source) => mount(App, { target: document.getElementById("app")!, props: { explorer: new Explorer(source) } }));
