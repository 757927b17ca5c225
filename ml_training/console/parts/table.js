// Tables: at most one page of rows is in the document, whatever the number of rows in the service.
import { html, useEffect, useRef, useState } from "../core/html.js";
import { saveFile, withQuery } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t } from "../core/text.js";
import { Empty, Loaded } from "./basics.js";

export const PAGE_ROWS = 50;

/** columns: [{title, cell(row), text(row), numeric}]; `text` is what a CSV file gets, by default what `cell` gives. */
export function Table({ columns, rows, label, keyOf = (row) => row.id, file }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table>
      <thead><tr>${columns.map((column) => html`<th key=${column.title} scope="col" class=${column.numeric ? "numeric" : ""}>${column.title}</th>`)}</tr></thead>
      <tbody>${rows.map(
        (row, index) =>
          html`<tr key=${keyOf(row, index)}>${columns.map((column) => html`<td key=${column.title} class=${column.numeric ? "numeric" : ""}>${column.cell(row)}</td>`)}</tr>`,
      )}</tbody></table></div>
    ${file && rows.length > 0 && html`<button class="small quiet" onClick=${() => saveTable(columns, rows, file)}>${t("download_csv")}</button>`}`;
}

/** A list of the API, a page at a time. The filter and the page stand in the address, so that the view can be shared. */
export function List({ path, address, query, kinds, columns, label, empty, file, every, selectable, onSelect, selected }) {
  const { cursor, before, ...filter } = query;
  const resource = useResource(withQuery(path, { ...filter, cursor, limit: PAGE_ROWS }), { kinds, every });
  const [earlier, setEarlier] = useState([]); // the cursors of the pages before
  const isFiltered = Object.keys(filter).some((name) => name !== "sort");
  const place = useRef(null);
  const hasMoved = useRef(false);
  const move = (next) => {
    hasMoved.current = true;
    go(withQuery(address, { ...filter, cursor: next }));
  };
  useEffect(() => {
    if (!resource.data || !hasMoved.current) return;
    hasMoved.current = false;
    place.current?.querySelector(".scroll")?.focus();
  }, [resource.data]);
  const older = (next) => {
    setEarlier([...earlier, cursor ?? ""]);
    move(next);
  };
  const newer = () => {
    move(earlier.at(-1) ?? "");
    setEarlier(earlier.slice(0, -1));
  };
  const all = selectable ? [selection(selected, onSelect), ...columns] : columns;
  return html`<div ref=${place}><${Loaded} resource=${resource}>${(page) =>
    html`${page.items.length === 0 && !cursor ? html`<${Empty}>${isFiltered ? html`<p>${t("list.nothing_fits")}</p><${Link} class="button" to=${address}>${t("list.no_filter")}<//>` : empty}<//>` : html`<${Table} columns=${all} rows=${page.items} label=${label} file=${file} />`}
      <nav class="pager" aria-label=${t("pages")}>
        ${cursor && html`<button onClick=${newer}>← ${t(filter.q ? "page.before" : "newer")}</button>`}
        ${page.next_cursor && html`<button onClick=${() => older(page.next_cursor)}>${t(filter.q ? "page.after" : "older")} →</button>`}
      </nav>`}<//></div>`;
}

function selection(selected, onSelect) {
  const toggle = (id) => onSelect(selected.includes(id) ? selected.filter((one) => one !== id) : [...selected, id]);
  return {
    title: t("selected"),
    cell: (row) => html`<input type="checkbox" aria-label=${t("select", { id: row.id })} checked=${selected.includes(row.id)} onChange=${() => toggle(row.id)} />`,
    text: () => "",
  };
}

/** Saves the rows as a CSV file, with the columns that have a `text`. */
export function saveTable(columns, rows, file) {
  const shown = columns.filter((column) => column.text);
  const lines = [shown.map((column) => column.title), ...rows.map((row) => shown.map((column) => column.text(row)))];
  saveFile(new Blob([lines.map((line) => line.map(field).join(",")).join("\r\n") + "\r\n"], { type: "text/csv" }), `${file}.csv`);
}

// A leading = + - @ would be a formula in a spreadsheet program; numbers stay numbers.
function field(value) {
  let text = value === null || value === undefined ? "" : String(value);
  if (/^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text))) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
