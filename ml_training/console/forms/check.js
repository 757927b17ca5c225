// While a form is filled in, the service is asked what it would say: one request at a time, the newest spec last.
import { useEffect, useRef, useState } from "../core/html.js";
import { connection, send } from "../core/api.js";

const PAUSE_MILLISECONDS = 400;
const BUSY_MILLISECONDS = 5000; // the service is away or has too much to do

/** {busy, problem, answer} of the newest spec that was checked; `spec` null: there is nothing to check yet. */
export function useCheck(spec) {
  const [state, setState] = useState({ busy: false, problem: null, answer: null });
  const work = useRef({ running: false, wanted: null, timer: null });
  const text = spec === null ? null : JSON.stringify(spec);
  useEffect(() => {
    const { current } = work;
    current.wanted = text;
    clearTimeout(current.timer);
    if (text === null) setState({ busy: false, problem: null, answer: null });
    else {
      setState((old) => ({ ...old, busy: true }));
      current.timer = setTimeout(() => check(current, setState), PAUSE_MILLISECONDS);
    }
    return () => clearTimeout(current.timer);
  }, [text]);
  useEffect(() => connection.listen((isConnected) => isConnected && work.current.wanted && check(work.current, setState)), []);
  useEffect(() => () => (work.current.wanted = null), []);
  return state;
}

async function check(work, setState) {
  if (work.running || work.wanted === null) return;
  work.running = true;
  const text = work.wanted;
  const result = await send("POST", "/jobs?dry_run=true", JSON.parse(text)).then(
    (answer) => ({ busy: false, problem: null, answer }),
    (problem) => ({ busy: false, problem, answer: null }),
  );
  work.running = false;
  if (work.wanted === null) return;
  if (work.wanted !== text) {
    check(work, setState);
    return;
  }
  setState(result);
  if (result.problem && ![400, 404, 409, 413, 422].includes(result.problem.status)) work.timer = setTimeout(() => check(work, setState), BUSY_MILLISECONDS);
}
