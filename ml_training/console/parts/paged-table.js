// A table whose rows are all here already: a page of them is in the document, the file has all.
import { html, useState } from "../core/html.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { PAGE_ROWS, Table, saveTable } from "./table.js";

export function PagedTable({ columns, rows, label, file, keyOf = (row, index) => index, pageRows = PAGE_ROWS }) {
  const [wanted, setPage] = useState(0);
  const pages = Math.max(1, Math.ceil(rows.length / pageRows));
  const page = Math.min(wanted, pages - 1);
  const start = page * pageRows;
  const shown = rows.slice(start, start + pageRows);
  return html`<${Table} columns=${columns} rows=${shown} label=${label} keyOf=${keyOf} />
    <div class="pager">
      ${pages > 1 ? html`<span><button class="small" disabled=${page === 0} onClick=${() => setPage(page - 1)}>← ${t("page.before")}</button>
        ${" "}${t("page.rows", { first: format.number(start + 1), last: format.number(start + shown.length), count: format.number(rows.length) })}${" "}
        <button class="small" disabled=${page === pages - 1} onClick=${() => setPage(page + 1)}>${t("page.after")} →</button></span>` : html`<span></span>`}
      ${file && rows.length > 0 && html`<button class="small quiet" onClick=${() => saveTable(columns, rows, file)}>CSV</button>`}
    </div>`;
}
