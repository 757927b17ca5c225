// The trials of a study for its pictures: page after page, up to a number that a picture can show.
import { useEffect, useState } from "../core/html.js";
import { get, withQuery } from "../core/api.js";

const PAGE = 200;
const MOST_REQUESTS = 20;
export const MOST_TRIALS = PAGE * MOST_REQUESTS;

/** {trials, isComplete, problem}: the trials so far; complete when all, or the most of them, are there. */
export function useTrials(studyId) {
  const [state, setState] = useState({ trials: [], isComplete: false, problem: null });
  useEffect(() => {
    const abort = new AbortController();
    load(studyId, abort.signal, setState).catch((problem) => {
      if (problem.name !== "AbortError") setState((old) => ({ ...old, problem }));
    });
    return () => abort.abort();
  }, [studyId]);
  return state;
}

async function load(studyId, signal, setState) {
  let trials = [];
  let cursor = "";
  for (let request = 1; request <= MOST_REQUESTS; request += 1) {
    const page = await get(withQuery(`/studies/${studyId}/trials`, { limit: PAGE, cursor }), { signal });
    trials = trials.concat(page.items);
    cursor = page.next_cursor;
    const isComplete = !cursor || request === MOST_REQUESTS;
    if (isComplete || request % 5 === 1) setState({ trials, isComplete, problem: null }); // a drawing each is too many
    if (isComplete) return;
  }
}
