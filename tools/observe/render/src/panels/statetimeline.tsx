// Coloured blocks over time: Grafana's state timeline is part of the server.
import { dateTimeFormat, formattedValueToString, getFieldDisplayName, type Field, type PanelProps } from '@grafana/data';
import { measureText, useTheme2 } from '@grafana/ui';
import { Nothing } from './nothing';

const AXIS = 22;
const TICKS = 8; // at most
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].map((seconds) => seconds * 1000);
const GAP_STEPS = 2.5;

interface Block {
  from: number;
  to: number;
  value: number;
}

export function StateTimelinePanel(props: PanelProps<any>) {
  const theme = useTheme2();
  const { data, width, height, timeRange, timeZone, options } = props;
  const rows = data.series.filter((frame) => frame.length > 0);
  if (rows.length === 0) {
    return <Nothing fieldConfig={props.fieldConfig} />;
  }
  const [start, end] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  const names = rows.map((frame) => getFieldDisplayName(frame.fields[1], frame, data.series));
  const left = Math.min(width / 3, 16 + Math.max(...names.map((name) => measureText(name, 12).width)));
  const across = (time: number) => left + ((time - start) / (end - start)) * (width - left);
  const tall = (height - AXIS) / rows.length;
  const bar = tall * (options.rowHeight ?? 0.9);
  return (
    <svg width={width} height={height} style={{ fontFamily: theme.typography.fontFamily, fontSize: 12 }}>
      {rows.map((frame, row) => (
        <g key={row} transform={`translate(0, ${row * tall + (tall - bar) / 2})`}>
          <text x={left - 8} y={bar / 2 + 4} textAnchor="end" fill={theme.colors.text.primary}>{names[row]}</text>
          {blocks(frame.fields[0], frame.fields[1]).map((block) => {
            const shown = frame.fields[1].display!(block.value);
            const wide = Math.max(1, across(block.to) - across(block.from));
            const text = formattedValueToString(shown);
            return (
              <g key={block.from} transform={`translate(${across(block.from)}, 0)`}>
                <rect width={wide} height={bar} fill={shown.color} fillOpacity={0.7} />
                {wide > 8 * text.length && <text x={wide / 2} y={bar / 2 + 4} textAnchor="middle" fill="white">{text}</text>}
              </g>
            );
          })}
        </g>
      ))}
      {ticks(start, end).map((time) => (
        <text key={time} x={across(time)} y={height - 4} textAnchor="middle" fill={theme.colors.text.primary}>
          {dateTimeFormat(time, { format: end - start < STEPS[6] * TICKS ? 'HH:mm:ss' : 'HH:mm', timeZone })}
        </text>
      ))}
    </svg>
  );
}

function ticks(start: number, end: number): number[] {
  const step = STEPS.find((one) => (end - start) / one <= TICKS) ?? STEPS[STEPS.length - 1];
  const first = Math.ceil(start / step) * step;
  const all = Array.from({ length: Math.floor((end - first) / step) + 1 }, (_, tick) => first + tick * step);
  return all.filter((time) => time - start > step / 4 && end - time > step / 4); // a label at the edge would be cut
}

function blocks(times: Field<number>, values: Field<number>): Block[] {
  const step = times.config.interval ?? 1000;
  const found: Block[] = [];
  times.values.forEach((time, index) => {
    const last = found[found.length - 1];
    const isNear = last && time - last.to <= step * GAP_STEPS;
    if (isNear && last.value === values.values[index]) {
      last.to = time;
    } else {
      if (isNear) {
        last.to = time;
      }
      found.push({ from: time, to: time, value: values.values[index] });
    }
  });
  return found;
}
