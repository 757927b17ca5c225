// Stat, gauge and bar gauge: one drawing for each reduced value.
import {
  getDisplayValueAlignmentFactors, getFieldDisplayValues, VizOrientation, type FieldDisplay, type PanelProps,
} from '@grafana/data';
import { useTheme2, VizRepeater, type VizRepeaterRenderValueProps } from '@grafana/ui';
import type { JSX } from 'react';

export type Drawn = VizRepeaterRenderValueProps<FieldDisplay, unknown>;
interface Options {
  reduceOptions: { calcs: string[]; values?: boolean };
  orientation?: VizOrientation;
}

export function Values(props: PanelProps<Options> & { draw: (drawn: Drawn) => JSX.Element; spacing?: number; min?: number }) {
  const theme = useTheme2();
  const { data, options, fieldConfig, replaceVariables, timeZone, width, height, renderCounter } = props;
  const values = () =>
    getFieldDisplayValues({
      fieldConfig, replaceVariables, theme, timeZone, data: data.series, reduceOptions: options.reduceOptions,
    });
  return (
    <VizRepeater
      getValues={values} renderValue={props.draw as never} width={width} height={height} source={data}
      getAlignmentFactors={(all) => getDisplayValueAlignmentFactors(all)}
      itemSpacing={props.spacing ?? 3} renderCounter={renderCounter} autoGrid
      minVizHeight={props.min} orientation={options.orientation ?? VizOrientation.Auto}
    />
  );
}
