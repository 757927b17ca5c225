import { DataFrameView, FieldType, type DataFrame, type PanelProps } from '@grafana/data';
import { TimeSeries, type UPlotConfigBuilder } from '@grafana/ui';
import { useLayoutEffect } from 'react';
import { Nothing } from './nothing';

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
      {(builder) => <Marks builder={builder} frames={props.data.annotations ?? []} />}
    </TimeSeries>
  );
}

// A dashed line where each annotation begins; Grafana's own marks are part of the server.
function Marks({ builder, frames }: { builder: UPlotConfigBuilder; frames: DataFrame[] }) {
  useLayoutEffect(() => {
    builder.addHook('draw', (plot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.setLineDash([4, 4]);
      for (const mark of frames.flatMap((frame) => new DataFrameView<{ time: number; color: string }>(frame).toArray())) {
        const x = Math.round(plot.valToPos(mark.time, 'x', true));
        if (x >= bbox.left && x <= bbox.left + bbox.width) {
          ctx.strokeStyle = mark.color;
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
        }
      }
      ctx.restore();
    });
  }, [builder, frames]);
  return null;
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
