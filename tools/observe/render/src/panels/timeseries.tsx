import { DataFrameView, FieldType, type DataFrame, type PanelProps } from '@grafana/data';
import { TimeSeries, type UPlotConfigBuilder } from '@grafana/ui';
import { useEffect, useLayoutEffect, useRef } from 'react';
import { drawnIn } from './drawn';
import { Nothing } from './nothing';

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}
interface Mark {
  time: number;
  color: string;
}

export function TimeSeriesPanel(props: PanelProps<any>) {
  const frames = props.data.series.filter((frame) => frame.length > 0).map(finite);
  if (frames.length === 0) {
    return <Nothing fieldConfig={props.fieldConfig} />;
  }
  const { options, width, height, timeRange, timeZone } = props;
  return (
    <TimeSeries
      frames={frames} structureRev={props.data.structureRev} timeRange={timeRange} timeZone={timeZone} width={width}
      height={height} legend={options.legend} options={options}
    >
      {(builder) => <Marks builder={builder} title={props.title} frames={props.data.annotations ?? []} />}
    </TimeSeries>
  );
}

// A dashed line where each annotation begins; Grafana's own marks are part of the server.
function Marks({ builder, title, frames }: { builder: UPlotConfigBuilder; title: string; frames: DataFrame[] }) {
  const plot = useRef<{ redraw: () => void }>();
  const marks = useRef<Mark[]>([]);
  useLayoutEffect(() => {
    builder.addHook('init', (made) => {
      plot.current = made;
    });
    builder.addHook('draw', ({ ctx, bbox, valToPos }) => {
      drawnIn.set(title, colouredPixels(ctx, bbox));
      ctx.save();
      ctx.setLineDash([4, 4]);
      for (const { time, color } of marks.current) {
        const x = Math.round(valToPos(time, 'x', true));
        if (x >= bbox.left && x <= bbox.left + bbox.width) {
          ctx.strokeStyle = color;
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
        }
      }
      ctx.restore();
    });
  }, [builder]);
  useEffect(() => {
    marks.current = frames.flatMap((frame) => new DataFrameView<Mark>(frame).toArray());
    plot.current?.redraw();
  }, [frames]);
  return null;
}

function colouredPixels(ctx: CanvasRenderingContext2D, { left, top, width, height }: Box): number {
  const { data } = ctx.getImageData(left, top, width, height);
  let found = 0;
  for (let at = 0; at < data.length; at += 4) {
    const [red, green, blue, alpha] = data.subarray(at, at + 4);
    found += alpha > 100 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60 ? 1 : 0;
  }
  return found;
}

// As Grafana does: what is not a number is a gap.
function finite(frame: DataFrame): DataFrame {
  const fields = frame.fields.map((field) =>
    field.type === FieldType.number
      ? { ...field, values: field.values.map((value) => (Number.isFinite(value) ? value : null)) }
      : field
  );
  return { ...frame, fields };
}
