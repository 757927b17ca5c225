// How the file was read, by what each decision was made, and the way to read it otherwise.
import { html } from "../core/html.js";
import { Link } from "../core/route.js";
import { t, words } from "../core/text.js";
import * as format from "../core/format.js";
import { Card, Facts } from "../parts/basics.js";
import { PAGE_ROWS, Table } from "../parts/table.js";

const WAYS = ["decimal", "thousands", "currency", "percent", "date_format", "form"];

export function Parsing({ dataset }) {
  const { parsing } = dataset.profile;
  if (!parsing) return html`<p class="quiet">${t("dataset.no_parsing")}</p>`;
  const facts = ["format", "encoding", "separator", "sheet", "header_row", "decimal", "thousands"].map((name) => [words(`option.${name}`, name), shown(parsing[name])]);
  return html`<${Card} title=${t("dataset.parsing")} actions=${html`<${Link} class="button" to=${`/datasets/new?from=${dataset.id}`}>${t("dataset.other_options")}<//>`}>
      <${Facts} items=${[...facts, [t("dataset.skipped"), parsing.skipped?.join("; ")], [t("dataset.dropped"), parsing.dropped?.map(dropped).join("; ")], [t("dataset.renamed"), parsing.renamed && Object.entries(parsing.renamed).map(([from, to]) => `${from} → ${to}`).join("; ")],
        [t("dataset.said"), parsing.options && Object.entries(parsing.options).map(([name, one]) => `${name}=${one}`).join(" ")]]} /><//>
    ${parsing.columns?.length > 0 ? html`<${Table} label=${t("dataset.parsing")} rows=${parsing.columns.slice(0, PAGE_ROWS)} keyOf=${(one) => one.name} file="parsing" columns=${[
      { title: t("dataset.name"), cell: (one) => one.name, text: (one) => one.name },
      { title: t("dataset.read_as"), cell: readAs, text: readAs },
      { title: t("dataset.evidence"), cell: evidence, text: evidence },
      { title: t("dataset.missing_words"), cell: missing, text: missing },
    ]} />` : html`<p class="quiet">${t("dataset.nothing_decided")}</p>`}`;
}

const shown = (value) => (value === "\t" ? "tab" : value === undefined ? null : String(value));
const dropped = (one) => [one.column !== undefined && t("dataset.at_column", { column: one.column }), one.row !== undefined && t("dataset.at_row", { row: one.row }), one.why].filter(Boolean).join(": ");
const readAs = (column) => WAYS.filter((name) => column[name] !== undefined && column[name] !== null).map((name) => (column[name] === true ? words(`option.${name}`, name) : `${words(`option.${name}`, name)}: ${words(`option.${name}.${column[name]}`, column[name])}`)).join("; ");
const evidence = (column) => (column.by ? t("dataset.by", { by: column.by, count: format.number(column.values) }) : "");
const missing = (column) => Object.entries(column.missing ?? {}).map(([word, count]) => `${word} (${format.number(count)})`).join(", ");
