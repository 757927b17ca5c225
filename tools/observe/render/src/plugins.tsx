// One plugin for each kind of panel that the dashboards use; the core ones are part of the server, not of a package.
import { FieldColorModeId, FieldConfigProperty, PanelPlugin, type PanelProps } from '@grafana/data';
import type { ComponentType } from 'react';
import { BarGaugePanel } from './panels/bargauge';
import { GaugePanel } from './panels/gauge';
import { StatPanel } from './panels/stat';
import { StateTimelinePanel } from './panels/statetimeline';
import { TablePanel } from './panels/table';
import { TimeSeriesPanel } from './panels/timeseries';

type Custom = Record<string, unknown>;
const HIDE = { legend: false, tooltip: false, viz: false };
const SCALE = { type: 'linear' };
// The defaults of Grafana's own panels.
const LINES: Custom = {
  drawStyle: 'line', lineInterpolation: 'linear', barAlignment: 0, barWidthFactor: 0.6, lineWidth: 1, fillOpacity: 0,
  gradientMode: 'none', spanNulls: false, insertNulls: false, showPoints: 'auto', showValues: false, pointSize: 5,
  stacking: { mode: 'none', group: 'A' }, axisPlacement: 'auto', axisLabel: '', axisColorMode: 'text', axisWidth: null,
  axisSoftMin: null, axisSoftMax: null, axisGridShow: null, axisBorderShow: false, axisCenteredZero: false,
  scaleDistribution: SCALE, hideFrom: HIDE, thresholdsStyle: { mode: 'off' }, lineStyle: { fill: 'solid' },
  lineColor: null, fillColor: null, transform: null,
};
const CELLS: Custom = { align: 'auto', cellOptions: { type: 'auto' }, inspect: false, width: null, minWidth: null, hidden: null };
const BLOCKS: Custom = { lineWidth: 0, fillOpacity: 70, spanNulls: false, insertNulls: false, hideFrom: HIDE };

function plugin(id: string, panel: ComponentType<PanelProps<never>>, color: FieldColorModeId, custom: Custom) {
  const made = new PanelPlugin(panel as never).useFieldConfig({
    standardOptions: { [FieldConfigProperty.Color]: { defaultValue: { mode: color } } },
    useCustomConfig: (builder) => {
      for (const [path, defaultValue] of Object.entries(custom)) {
        builder.addCustomEditor({
          id: path, path, name: path, defaultValue, editor: (() => null) as never, override: (() => null) as never,
          process: (value) => value, shouldApply: () => true,
        });
      }
    },
  });
  made.setDataSupport({ annotations: true, alertStates: true });
  made.meta = { id, name: id, type: 'panel', info: { version: '' } } as never;
  return made;
}

export const plugins: Record<string, PanelPlugin> = {
  bargauge: plugin('bargauge', BarGaugePanel, FieldColorModeId.Thresholds, {}),
  gauge: plugin('gauge', GaugePanel, FieldColorModeId.Thresholds, {}),
  stat: plugin('stat', StatPanel, FieldColorModeId.Thresholds, {}),
  'state-timeline': plugin('state-timeline', StateTimelinePanel, FieldColorModeId.ContinuousGrYlRd, BLOCKS),
  table: plugin('table', TablePanel, FieldColorModeId.Thresholds, CELLS),
  timeseries: plugin('timeseries', TimeSeriesPanel, FieldColorModeId.PaletteClassic, LINES),
};
