// The curves of several models on one picture, and the models that it needs.
import { html, useEffect, useRef, useState } from "../core/html.js";
import { connection, get } from "../core/api.js";
import { t } from "../core/text.js";
import { Chart } from "../parts/chart.js";
import { mergeLines, rising } from "../parts/lines.js";
import { modelTitle, scoreName } from "./model-facts.js";

const UNIT = [0, 1];

/** {models, isLoaded}: those with these ids that still exist, in their order; asked again when the service is back. */
export function useModels(ids) {
  const [state, setState] = useState({ models: [], isLoaded: false });
  const found = useRef(new Map()).current; // kept while they are asked for again
  const [round, setRound] = useState(0);
  useEffect(() => connection.listen((isConnected) => isConnected && setRound((value) => value + 1)), []);
  useEffect(() => {
    const abort = new AbortController();
    const answered = ids.map((id) =>
      get(`/models/${id}`, { signal: abort.signal }).then(
        (model) => {
          found.set(id, model);
          setState({ models: ids.flatMap((one) => found.get(one) ?? []), isLoaded: false });
        },
        () => {}, // deleted: the others are shown
      ),
    );
    Promise.all(answered).then(() => abort.signal.aborted || setState((old) => ({ ...old, isLoaded: true })));
    return () => abort.abort();
  }, [ids.join(), round]);
  return state;
}

export function CurvesTogether({ models }) {
  const named = (model) => `${modelTitle(model)} (${model.id})`;
  const curvesOf = (name, x, y) => models.filter((model) => model.details.curves?.[name]).map((model) => ({ label: named(model), ...rising(model.details.curves[name][x], model.details.curves[name][y]) }));
  const [roc, pr] = [curvesOf("roc", "fpr", "tpr"), curvesOf("precision_recall", "recall", "precision")];
  const learning = models.filter((model) => model.details.curves?.learning?.held_out).map((model) => ({ label: named(model), x: model.details.curves.learning.iteration, y: model.details.curves.learning.held_out, metric: model.details.curves.learning.metric }));
  if (!roc.length && !learning.length) return html`<p>${t("compare.no_curves")}</p>`;
  return html`<div class="cards">
    ${roc.length > 0 && html`<${Chart} title=${t("curve.roc")} xLabel=${t("score.fpr")} yLabel=${t("score.recall")} xRange=${UNIT} yRange=${UNIT} height=${320} ...${mergeLines(roc)} />
      <${Chart} title=${t("curve.pr")} xLabel=${t("score.recall")} yLabel=${t("score.precision")} xRange=${UNIT} yRange=${UNIT} height=${320} ...${mergeLines(pr)} />`}
    ${learning.length > 0 && html`<${Chart} title=${t("compare.learning")} xLabel=${t("iteration")} yLabel=${scoreName(learning[0].metric)} height=${320} ...${mergeLines(learning)} />`}</div>`;
}
