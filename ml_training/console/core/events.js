// The events of one job (server-sent events). EventSource cannot send a key, so the stream is read by hand.
import { headers } from "./api.js";

const PAUSE_MILLISECONDS = 2000;

/** Calls `onEvent(name, data)` until the job's end, across interruptions; returns a function that stops it. */
export function followJob(id, onEvent) {
  const abort = new AbortController();
  follow(id, onEvent, abort.signal);
  return () => abort.abort();
}

async function follow(id, onEvent, signal) {
  let last = "";
  while (!signal.aborted) {
    try {
      const answer = await fetch(`/api/v1/jobs/${id}/events`, { signal, cache: "no-store", headers: headers(last ? { "Last-Event-ID": last } : {}) });
      if (answer.status === 404 || answer.status === 401) return;
      if (answer.ok)
        for await (const event of events(answer.body)) {
          if (event.id) last = event.id;
          onEvent(event.name, event.data);
          if (event.name === "end") return;
        }
    } catch (error) {
      if (error.name === "AbortError") return;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
  }
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const event = readEvent(part);
      if (event) yield event;
    }
  }
}

function readEvent(part) {
  const event = { name: "message", id: "", data: null };
  for (const line of part.split("\n")) {
    if (line.startsWith("event: ")) event.name = line.slice(7);
    else if (line.startsWith("id: ")) event.id = line.slice(4);
    else if (line.startsWith("data: ")) event.data = JSON.parse(line.slice(6));
  }
  return event.data === null ? null : event;
}
