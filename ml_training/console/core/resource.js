// What a page shows of the service: loaded, kept while it is loaded again, and loaded again when it has changed.
import { useEffect, useRef, useState } from "./html.js";
import { Away, connection, get } from "./api.js";
import { onChanges } from "./changes.js";

const AGAIN_MILLISECONDS = 400; // many changes at once load a list once

/**
 * {data, problem, loading, reload}. `path` null: nothing yet. `kinds`: what the answer is made of; with `id`, of this one.
 * While the service is away the last answer stays, and is loaded again when the service is back.
 */
export function useResource(path, { kinds = [], id = null, every = 0 } = {}) {
  const [state, setState] = useState({ path: null, data: null, problem: null });
  const [round, setRound] = useState(0);
  const reload = () => setRound((value) => value + 1);
  useEffect(() => {
    if (path === null) return undefined;
    const abort = new AbortController();
    get(path, { signal: abort.signal }).then(
      (data) => setState({ path, data, problem: null }),
      (problem) => {
        if (problem.name === "AbortError") return;
        setState((old) => ({ path, data: passes(problem) && old.path === path ? old.data : null, problem }));
      },
    );
    return () => abort.abort();
  }, [path, round]);
  useReload(reload, { kinds, id, every, path });
  const isCurrent = state.path === path;
  return { data: isCurrent ? state.data : null, problem: isCurrent ? state.problem : null, loading: !isCurrent && path !== null, reload };
}

/** Whether the same question may be answered a little later: until then the page keeps what it shows. */
const passes = (problem) => problem instanceof Away || problem.status === 429 || problem.status >= 500;

function useReload(reload, { kinds, id, every, path }) {
  const timer = useRef(null);
  useEffect(() => {
    const soon = () => {
      if (timer.current === null)
        timer.current = setTimeout(() => {
          timer.current = null;
          reload();
        }, AGAIN_MILLISECONDS);
    };
    const concerns = (item) => kinds.includes(item.kind) && (id === null || String(item.id) === String(id));
    const stops = [
      onChanges((items) => (items === null || items.some(concerns)) && soon()),
      connection.listen((isConnected) => isConnected && soon()),
    ];
    const ticks = every ? setInterval(() => document.hidden || reload(), every * 1000) : null;
    return () => {
      stops.forEach((stop) => stop());
      clearInterval(ticks);
      clearTimeout(timer.current);
      timer.current = null;
    };
  }, [path, kinds.join(), id, every]);
}
