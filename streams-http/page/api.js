// Asks the server: JSON, and streams of events, which are read by `fetch` because `EventSource` cannot send a token.

const TOKEN = "millstream-token";

let asksForToken = null;

/** An answer that refuses, with the server's own words. */
export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

/** The server does not answer. */
export class Gone extends Error {}

/** Says how the token is asked for: a function that returns a promise of one. */
export function onToken(ask) {
  let asking = null;
  asksForToken = (wasWrong) => {
    asking ??= ask(wasWrong).then((token) => {
      sessionStorage.setItem(TOKEN, token);
      asking = null;
    });
    return asking;
  };
}

async function ask(path, options = {}) {
  for (;;) {
    const token = sessionStorage.getItem(TOKEN);
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    let response;
    try {
      response = await fetch(path, { ...options, headers, cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Gone("the server does not answer");
    }
    if (response.status !== 401 || !asksForToken) return response;
    await asksForToken(token !== null && token === sessionStorage.getItem(TOKEN));
  }
}

async function read(response) {
  const text = await response.text();
  let body = text;
  try {
    body = JSON.parse(text);
  } catch {
    // It is shown as it is.
  }
  if (response.ok) return body;
  throw new Refused(response.status, body?.error?.code ?? "unknown", body?.error?.message ?? `status ${response.status}`);
}

/** The JSON under a path. */
export async function get(path, signal) {
  return read(await ask(path, { signal }));
}

/** The same, as soon as the server answers. */
export async function getOnceItAnswers(path, signal) {
  for (;;) {
    try {
      return await get(path, signal);
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
    signal?.throwIfAborted();
  }
}

/** Sends JSON to a path, and gives what it answers. */
export async function post(path, body) {
  const options = body === undefined
    ? { method: "POST" }
    : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return read(await ask(path, options));
}

/**
 * Calls `on(name, data)` for each event of a stream, and `state(isOpen)` when it begins and ends. Connects again until `stop()`
 * of what it returns is called.
 */
export function events(path, on, state = () => {}) {
  const aborter = new AbortController();
  const run = async () => {
    for (let pause = 500; !aborter.signal.aborted; pause = Math.min(pause * 1.6, 5000)) {
      try {
        const response = await ask(path, { signal: aborter.signal, headers: { Accept: "text/event-stream" } });
        if (!response.ok) await read(response);
        state(true);
        pause = 500;
        await readEvents(response.body.getReader(), on);
      } catch (error) {
        if (aborter.signal.aborted) return;
        state(false, error);
      }
      if (aborter.signal.aborted) return;
      state(false);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  };
  run();
  return { stop: () => aborter.abort() };
}

async function readEvents(reader, on) {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const lines = part.split("\n");
      const field = (name) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart());
      const data = field("data").join("\n");
      if (data) on(field("event")[0] ?? "message", JSON.parse(data));
    }
  }
}

/** Calls an async function again and again, each time so long after it has ended, until `stop()`. */
export function every(ms, work) {
  const aborter = new AbortController();
  (async () => {
    while (!aborter.signal.aborted) {
      if (!document.hidden) {
        try {
          await work(aborter.signal);
        } catch (error) {
          if (error.name !== "AbortError") console.warn(error.message);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  })();
  return { stop: () => aborter.abort() };
}
