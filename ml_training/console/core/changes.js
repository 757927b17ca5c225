// One waiting request for all tabs of a browser: the tab that holds the lock asks, and tells the others.
import { get, withQuery, Problem } from "./api.js";

const CHANNEL = "ml-training-changes";
const WAIT_SECONDS = 25;
const PAUSE_MILLISECONDS = 3000;
const listeners = new Set();
const channel = new BroadcastChannel(CHANNEL);

/**
 * Calls `listener(items)` with what changed: [{kind: "job", id: 7}, ...]; null: anything may have changed.
 * Progress of a RUNNING job is an item {kind: "progress", id, progress, progress_message, eta_seconds}.
 */
export function onChanges(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function startChanges() {
  channel.onmessage = (event) => tell(event.data);
  // A tab that is closed or frozen loses the lock, and another one goes on.
  if (navigator.locks) navigator.locks.request(CHANNEL, ask);
  else ask(); // a page of an address without TLS has no locks: then each tab asks for itself
}

function tell(items) {
  for (const listener of listeners) listener(items);
}

function publish(items) {
  tell(items);
  channel.postMessage(items);
}

async function ask() {
  let after = null;
  let waits = false; // after a failure the first answer comes at once: the page learns that the service is back
  for (;;) {
    try {
      const page = await get(withQuery("/changes", { after, wait: waits ? WAIT_SECONDS : "" }));
      if (page.reset || after === null) publish(null);
      else publish([...page.items, ...page.running.map((job) => ({ kind: "progress", ...job }))]);
      after = page.next;
      waits = true;
    } catch (error) {
      if (error instanceof Problem && error.status < 500 && error.status !== 429) after = null;
      waits = false;
      await pause();
    }
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
