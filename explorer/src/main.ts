import { mount } from "svelte";
import App from "./App.svelte";
import "./tokens.css";
import "./base.css";
import type { Backend } from "./lib/backend/backend";
import { HttpBackend } from "./lib/backend/http";
import { Explorer } from "./lib/state.svelte";

/** `?fixture=table` runs on data made up inside the page; otherwise the server that sent the page is asked. */
async function backend(): Promise<Backend> {
  const fixture = new URLSearchParams(location.search).get("fixture");
  if (!fixture) return new HttpBackend();
  return new (await import("./lib/backend/fixture")).FixtureBackend(fixture);
}

void backend().then((source) => mount(App, { target: document.getElementById("app")!, props: { explorer: new Explorer(source) } }));
