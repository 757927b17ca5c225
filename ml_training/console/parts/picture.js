// A drawing made of SVG: as wide as its place, with its numbers as a table, and saved as SVG, PNG or CSV.
import { html, useEffect, useRef, useState } from "../core/html.js";
import { saveFile } from "../core/api.js";
import { t } from "../core/text.js";
import { PagedTable } from "./paged-table.js";

const LEAST_WIDTH = 240;
const PNG_SCALE = 2;

/**
 * draw(width): the elements of the drawing. height: a number, or a function of the width.
 * columns, rows: the numbers of the drawing, as of Table. role "group": the drawing has links in it.
 */
export function Picture({ title, height, draw, columns, rows, role = "img" }) {
  const place = useRef(null);
  const [width, setWidth] = useState(640);
  const [showTable, setShowTable] = useState(false);
  useEffect(() => {
    const observer = new ResizeObserver(() => setWidth(Math.max(LEAST_WIDTH, place.current?.clientWidth ?? 0)));
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  const high = typeof height === "function" ? height(width) : height;
  const svg = () => place.current.querySelector("svg");
  return html`<figure class="chart">
    <div ref=${place}><svg class="picture" role=${role} aria-label=${title} width=${width} height=${high} viewBox=${`0 0 ${width} ${high}`}>${draw(width)}</svg></div>
    <figcaption><span class="chart-commands">
      ${rows && html`<button class="small quiet" aria-expanded=${showTable} onClick=${() => setShowTable(!showTable)}>${t("numbers")}</button>`}
      <button class="small quiet" onClick=${() => savePng(svg(), title)}>PNG</button>
      <button class="small quiet" onClick=${() => saveFile(svgFile(svg()), `${title}.svg`)}>SVG</button></span></figcaption>
    ${showTable && html`<${PagedTable} label=${title} columns=${columns} rows=${rows} file=${title} />`}
  </figure>`;
}

// A file has no style sheet: the names of colours become the colours of the page as it is now.
function svgFile(svg) {
  const copy = svg.cloneNode(true);
  const style = getComputedStyle(document.documentElement);
  for (const node of copy.querySelectorAll("*"))
    for (const name of ["fill", "stroke"]) {
      const found = /^var\((--[\w-]+)\)$/.exec(node.getAttribute(name) || "");
      if (found) node.setAttribute(name, style.getPropertyValue(found[1]).trim());
    }
  const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of Object.entries({ width: "100%", height: "100%", fill: style.getPropertyValue("--paper").trim() })) paper.setAttribute(name, value);
  copy.prepend(paper);
  copy.setAttribute("font-family", "sans-serif");
  return new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" });
}

function savePng(svg, title) {
  const image = new Image();
  const source = URL.createObjectURL(svgFile(svg));
  image.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = image.width * PNG_SCALE;
    canvas.height = image.height * PNG_SCALE;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(source);
    canvas.toBlob((blob) => saveFile(blob, `${title}.png`));
  };
  image.src = source;
}

/** Text that fits: of a long one its beginning, and the whole as what a pointer shows. */
export function SvgText({ x, y, width, text, size = 12, anchor = "start", fill = "var(--ink)", weight }) {
  const most = Math.max(2, Math.floor(width / (size * 0.54)));
  const shown = text.length > most ? `${text.slice(0, most - 1)}…` : text;
  return html`<text x=${x} y=${y} font-size=${size} text-anchor=${anchor} fill=${fill} font-weight=${weight}>${shown}${shown !== text && html`<title>${text}</title>`}</text>`;
}
