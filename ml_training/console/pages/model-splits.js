// How the rows were divided into those to learn from and those to evaluate on.
import { html } from "../core/html.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Facts } from "../parts/basics.js";
import { Picture } from "../parts/picture.js";

const ROW = 26;
const TEXT_WIDTH = 56;
const KNOWN_METHODS = ["holdout", "time_series", "cross_validation", "group_holdout", "group_k_fold"];

export function ModelSplits({ model }) {
  const spec = model.lineage.spec ?? {};
  const rows = model.details.rows ?? {};
  const validation = spec.validation ?? {};
  const isKnown = KNOWN_METHODS.includes(validation.method);
  const folds = isKnown ? foldsOf(validation) : [];
  return html`<p>${isKnown ? t(`splits.${validation.method}${validation.method === "time_series" && validation.splits ? "_chain" : ""}`, { splits: validation.splits, share: format.percent(validation.test_size ?? 0.2) }) : validation.method}</p>
    ${folds.length > 0 && html`<${Picture} title=${t("model.splits")} height=${folds.length * ROW + 30} draw=${(width) => html`<${Folds} folds=${folds} width=${width} />`} />`}
    <${Facts} items=${[
      [t("splits.group_column"), validation.group_column],
      [t("splits.train"), format.number(rows.train)],
      [t("splits.held_out"), format.number(rows.held_out)],
      [t("splits.dropped"), rows.dropped ? format.number(rows.dropped) : null],
      [t("splits.not_covered"), rows.not_covered ? format.number(rows.not_covered) : null],
      [t("splits.purged"), rows.purged ? format.number(rows.purged) : null],
      [t("splits.window"), spec.train_start || spec.train_end ? `${spec.train_start ?? "…"} – ${spec.train_end ?? "…"}` : null],
      [t("splits.phases"), spec.phases?.join(", ")],
      [t("splits.balance"), spec.class_balance !== "none" ? spec.class_balance : null],
      [t("splits.calibration"), model.details.calibration ? t("splits.calibrated", { method: model.details.calibration.method, rows: format.number(model.details.calibration.rows) }) : null],
      [t("splits.early_stopping"), spec.early_stopping_rounds],
      [t("splits.iterations"), model.details.best_iteration ?? model.details.iterations],
      [t("splits.seed"), spec.random_state],
      [t("splits.out_of_fold"), spec.keep_out_of_fold ? t("yes") : null],
    ]} />`;
}

/** [[[start, end, part], ...], ...]: of each split its parts, as shares of the rows. */
function foldsOf({ method, splits, test_size: size = 0.2 }) {
  if (!splits) return [[[0, 1 - size, "train"], [1 - size, 1, "held_out"]]];
  if (method === "time_series") return Array.from({ length: splits }, (_, at) => [[0, (at + 1) / (splits + 1), "train"], [(at + 1) / (splits + 1), (at + 2) / (splits + 1), "held_out"]]);
  return Array.from({ length: splits }, (_, at) => [[0, at / splits, "train"], [at / splits, (at + 1) / splits, "held_out"], [(at + 1) / splits, 1, "train"]].filter(([start, end]) => end > start));
}

const FILLS = { train: "var(--line)", held_out: "var(--accent)" };

function Folds({ folds, width }) {
  const at = (share) => TEXT_WIDTH + (width - TEXT_WIDTH - 4) * share;
  const legend = folds.length * ROW + 6;
  return html`${folds.map((parts, row) => html`<g key=${row}><text x="0" y=${row * ROW + 17} font-size="12" fill="var(--ink-2)">${folds.length > 1 ? t("split.number", { number: row + 1 }) : t("rows")}</text>
      ${parts.map(([start, end, part]) => html`<rect key=${start} x=${at(start)} y=${row * ROW + 4} width=${at(end) - at(start) - 1} height="18" rx="3" fill=${FILLS[part]} />`)}</g>`)}
    ${["train", "held_out"].map((part, index) => html`<g key=${part}><rect x=${TEXT_WIDTH + index * 130} y=${legend} width="12" height="12" fill=${FILLS[part]} /><text x=${TEXT_WIDTH + index * 130 + 18} y=${legend + 11} font-size="12" fill="var(--ink)">${t(`part.${part}`)}</text></g>`)}`;
}
