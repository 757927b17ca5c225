// Curves and bars by uPlot. Each picture has its numbers as a table for those who cannot see it, and can be saved.
import { html, useEffect, useRef, useState } from "../core/html.js";
import { saveFile } from "../core/api.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import uPlot from "../vendor/uplot.js";

export const COLOURS = ["#2f6fd6", "#d9622b", "#2e9b63", "#9b4fc4", "#b8860b", "#c7387a", "#3aa6b9", "#7a6a58", "#6f8a2a", "#555f77"];
const HEIGHT = 240;

/**
 * x: numbers; lines: [{label, values, colour, dash, bars, points}], of the same length as x, null where there is no value.
 * xTime: x are seconds since 1970. title: also the name of saved files. xLabel, yLabel: axes. yRange, xRange: [low, high].
 */
export function Chart({ title, x, lines, xLabel, yLabel, yRange, xRange, height = HEIGHT, xTime = false, xFormat = xTime ? asTime : format.score, markers = [] }) {
  const place = useRef(null);
  const plot = useRef(null);
  const [showTable, setShowTable] = useState(false);
  const shape = JSON.stringify([title, xLabel, yLabel, yRange, xRange, lines.map((line) => [line.label, line.colour, line.dash, line.bars, line.points])]);
  useEffect(() => {
    const options = plotOptions({ lines, xLabel, yLabel, yRange, xRange, height, xTime, width: place.current.clientWidth || 320, markers });
    plot.current = new uPlot(options, [x, ...lines.map((line) => line.values)], place.current);
    const holder = place.current;
    const observer = new ResizeObserver(() => holder.clientWidth && plot.current?.setSize({ width: holder.clientWidth, height }));
    observer.observe(holder);
    return () => {
      observer.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => {
    plot.current?.setData([x, ...lines.map((line) => line.values)]);
  }, [x, lines]);
  const save = () => plot.current.ctx.canvas.toBlob((blob) => saveFile(blob, `${title}.png`));
  return html`<figure class="chart">
    <div ref=${place} role="img" aria-label=${`${title}: ${lines.map((line) => line.label).join(", ")}`}></div>
    <figcaption><span class="chart-commands">
      <button class="small quiet" aria-expanded=${showTable} onClick=${() => setShowTable(!showTable)}>${t("numbers")}</button>
      <button class="small quiet" onClick=${save}>PNG</button>
      <button class="small quiet" onClick=${() => saveSvg(title, x, lines, { xLabel, yLabel, yRange, xRange })}>SVG</button>
      <button class="small quiet" onClick=${() => saveCsv(title, x, lines, xLabel)}>CSV</button></span></figcaption>
    ${showTable && html`<${Numbers} x=${x} lines=${lines} xLabel=${xLabel} xFormat=${xFormat} />`}
  </figure>`;
}

const asTime = (seconds) => (seconds === null || seconds === undefined ? "–" : format.utc(new Date(seconds * 1000).toISOString()));

const MOST_ROWS = 50; // in the document; the CSV file has all

function Numbers({ x, lines, xLabel, xFormat }) {
  const step = Math.max(1, Math.ceil(x.length / MOST_ROWS));
  const rows = x.map((_, index) => index).filter((index) => index % step === 0);
  return html`<div class="scroll" tabindex="0"><table><thead><tr><th>${xLabel}</th>${lines.map((line) => html`<th>${line.label}</th>`)}</tr></thead>
    <tbody>${rows.map((index) => html`<tr key=${index}><td>${xFormat(x[index])}</td>${lines.map((line) => html`<td class="numeric">${format.score(line.values[index])}</td>`)}</tr>`)}</tbody></table></div>`;
}

function plotOptions({ lines, xLabel, yLabel, yRange, xRange, height, xTime, width, markers }) {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink-2").trim();
  const grid = { stroke: style.getPropertyValue("--line").trim(), width: 1 };
  const axis = (label, size) => ({ label, size, labelSize: 18, stroke: ink, grid, ticks: grid, font: "12px system-ui", labelFont: "12px system-ui" });
  return {
    width,
    height,
    legend: { show: lines.length > 1, live: true },
    cursor: { drag: { x: true, y: false } },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    scales: { x: { time: xTime, range: xRange && (() => xRange) }, y: { range: yRange && (() => yRange) } },
    axes: [axis(xLabel, 40), axis(yLabel, 62)],
    series: [{ label: xLabel, value: (_, value) => (xTime ? asTime : format.score)(value) }, ...lines.map(series)],
    hooks: { draw: [(plot) => markers.forEach((marker) => drawMarker(plot, marker))] },
  };
}

function series(line, index) {
  const colour = line.colour || COLOURS[index % COLOURS.length];
  const bars = line.bars ? { paths: uPlot.paths.bars({ size: [0.9, 60] }), fill: `${colour}88`, points: { show: false } } : {};
  if (line.points) return { label: line.label, stroke: colour, paths: () => null, points: { show: true, size: line.points === true ? 11 : line.points, fill: colour }, value: (_, value) => format.score(value) };
  return { label: line.label, stroke: colour, width: 1.8, dash: line.dash, spanGaps: true, value: (_, value) => format.score(value), ...bars };
}

function drawMarker(plot, { x, label }) {
  const at = plot.valToPos(x, "x", true);
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = "#c7387a";
  ctx.setLineDash([4, 4]);
  ctx.beginPath();
  ctx.moveTo(at, bbox.top);
  ctx.lineTo(at, bbox.top + bbox.height);
  ctx.stroke();
  ctx.fillStyle = "#c7387a";
  ctx.fillText(label, at + 4, bbox.top + 12);
  ctx.restore();
}

function saveCsv(title, x, lines, xLabel) {
  // A leading = + - @ would be a formula in a spreadsheet program; names of classes may be anything.
  const quote = (text) => `"${String(text).replace(/^(?=[=+\-@\t\r])/, "'").replaceAll('"', '""')}"`;
  const rows = [[xLabel, ...lines.map((line) => line.label)].map(quote), ...x.map((value, index) => [value, ...lines.map((line) => line.values[index] ?? "")])];
  saveFile(new Blob([rows.map((row) => row.join(",")).join("\r\n")], { type: "text/csv" }), `${title}.csv`);
}

// A drawing of its own: uPlot draws on a canvas, which cannot be saved as lines.
function saveSvg(title, x, lines, { xLabel, yLabel, yRange, xRange }) {
  const values = lines.flatMap((line) => line.values).filter((value) => value !== null && value !== undefined);
  const [left, right] = xRange || [Math.min(...x), Math.max(...x)];
  const [low, high] = yRange || [Math.min(...values), Math.max(...values)];
  const px = (value) => 60 + (580 * (value - left)) / (right - left || 1);
  const py = (value) => 340 - (300 * (value - low)) / (high - low || 1);
  const escape = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const text = (at, y, content, anchor = "middle") => `<text x="${at}" y="${y}" text-anchor="${anchor}" font-size="12" font-family="sans-serif">${escape(content)}</text>`;
  const drawn = lines.map((line, index) => {
    const colour = line.colour || COLOURS[index % COLOURS.length];
    if (line.points) return line.values.flatMap((value, at) => (value === null || value === undefined ? [] : [`<circle cx="${px(x[at]).toFixed(1)}" cy="${py(value).toFixed(1)}" r="3" fill="${colour}"/>`])).join("");
    const points = line.values.flatMap((value, at) => (value === null || value === undefined ? [] : [`${px(x[at]).toFixed(1)},${py(value).toFixed(1)}`]));
    return `<polyline points="${points.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>${text(80, 20 + 16 * index, line.label, "start").replace("<text", `<text fill="${colour}"`)}`;
  });
  const frame = `<path d="M60 40V340H640" fill="none" stroke="#888"/>${text(60, 356, format.score(left))}${text(640, 356, format.score(right))}${text(52, 344, format.score(low), "end")}${text(52, 44, format.score(high), "end")}${text(350, 374, xLabel)}${text(350, 34, yLabel)}`;
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 384"><title>${escape(title)}</title>${frame}${drawn.join("")}</svg>`;
  saveFile(new Blob([picture], { type: "image/svg+xml" }), `${title}.svg`);
}
