// Asks a Prometheus as Grafana's own data source does: the same steps, the same windows, the same frames.
import {
  DataSourceApi,
  FieldType,
  rangeUtil,
  toDataFrame,
  type DataFrame,
  type DataQueryRequest,
  type DataSourceInstanceSettings,
  type DateTime,
  type ScopedVars,
  type TimeRange,
} from '@grafana/data';
import { sceneGraph, type SceneObject } from '@grafana/scenes';

interface Target {
  refId: string;
  expr: string;
  legendFormat?: string;
  instant?: boolean;
  format?: string;
}
interface Series {
  metric: Record<string, string>;
  value?: [number, string];
  values?: Array<[number, string]>;
}
interface Window {
  range: TimeRange;
  step: number; // seconds
  scopedVars: ScopedVars;
}
const LABEL_VALUES = /^label_values\((?:(.+),)?\s*(\w+)\s*\)$/;

export class PrometheusSource extends DataSourceApi {
  settings: DataSourceInstanceSettings;

  constructor(
    private url: string,
    private scrapeSeconds: number
  ) {
    const meta = { id: 'prometheus', name: 'Prometheus', metrics: true, info: { logos: {} } };
    const settings = { uid: 'prometheus', type: 'prometheus', name: 'Prometheus', meta, jsonData: {} };
    super(settings as unknown as DataSourceInstanceSettings);
    this.settings = settings as unknown as DataSourceInstanceSettings;
    this.interval = `${scrapeSeconds}s`;
  }

  async query(request: DataQueryRequest): Promise<{ data: DataFrame[] }> {
    const targets = request.targets as unknown as Target[];
    const tables = targets.filter((target) => target.format === 'table').length;
    const step = Math.max(request.intervalMs / 1000, this.scrapeSeconds);
    const asked = targets.map(async (target) => {
      const series = await this.ask(target, { ...request, step });
      return target.format === 'table'
        ? [table(target, series, tables > 1)]
        : series.map((one) => frame(target, one, step * 1000));
    });
    return { data: (await Promise.all(asked)).flat() };
  }

  async metricFindQuery(query: unknown, options?: { range?: DataQueryRequest['range']; scopedVars?: ScopedVars }) {
    const text = typeof query === 'string' ? query : (query as { query: string }).query;
    const found = LABEL_VALUES.exec(interpolate(text, options?.scopedVars ?? {}));
    if (!found) {
      throw new Error(`not a label_values query: ${text}`);
    }
    const [, selector, label] = found;
    const range = options?.range;
    const between = range ? { start: range.from.unix(), end: range.to.unix() } : {};
    const series = await this.get('series', { 'match[]': selector ?? `{${label}!=""}`, ...between });
    const values = new Set((series as Array<Record<string, string>>).map((one) => one[label]).filter(Boolean));
    return [...values].map((value) => ({ text: value, value }));
  }

  testDatasource() {
    return Promise.resolve({ status: 'success', message: '' });
  }

  getRef() {
    return { uid: 'prometheus', type: 'prometheus' };
  }

  async annotationQuery({ annotation, range }: { annotation: any; range: TimeRange }) {
    const step = rangeUtil.intervalToSeconds(annotation.step ?? '60s');
    const series = await this.ask({ refId: 'A', expr: annotation.expr }, { range, step, scopedVars: {} });
    return series.flatMap(({ metric, values = [] }) => {
      const marks: Array<{ time: number; timeEnd: number; title: string; text: string }> = [];
      for (const time of values.map(([seconds]) => seconds * 1000)) {
        const last = marks[marks.length - 1];
        if (last && time - last.timeEnd <= step * 1000) {
          last.timeEnd = time; // steps in a row are one mark
        } else {
          marks.push({ time, timeEnd: time, title: annotation.titleFormat, text: fill(annotation.textFormat, metric) });
        }
      }
      return marks;
    });
  }

  private async ask(target: Target, { range, step, scopedVars }: Window): Promise<Series[]> {
    const seconds = Math.round((range.to.valueOf() - range.from.valueOf()) / 1000);
    const rate = Math.max(step + this.scrapeSeconds, 4 * this.scrapeSeconds);
    const query = interpolate(target.expr, {
      ...scopedVars,
      __rate_interval: { value: `${rate}s` },
      __range: { value: `${seconds}s` },
      __range_s: { value: String(seconds) },
      __interval: { value: `${step}s` },
    });
    const aligned = (time: DateTime) => Math.floor(time.valueOf() / 1000 / step) * step;
    const { from, to } = range;
    const answer = target.instant
      ? await this.get('query', { query, time: to.valueOf() / 1000 })
      : await this.get('query_range', { query, start: aligned(from), end: aligned(to), step });
    return (answer as { result: Series[] }).result;
  }

  private async get(path: string, parameters: Record<string, string | number>): Promise<unknown> {
    const search = new URLSearchParams(Object.entries(parameters).map(([name, value]) => [name, String(value)]));
    const answer = await (await fetch(`${this.url}/api/v1/${path}?${search}`)).json();
    if (answer.status !== 'success') {
      throw new Error(answer.error);
    }
    return answer.data;
  }
}

function interpolate(text: string, scopedVars: ScopedVars): string {
  const scene = scopedVars.__sceneObject?.value?.valueOf() as SceneObject | undefined;
  const several = (value: unknown) => (Array.isArray(value) ? `(${value.join('|')})` : String(value));
  const known = text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (written, long, short) =>
    scopedVars[long ?? short] ? String(scopedVars[long ?? short]?.value) : written
  );
  return scene ? sceneGraph.interpolate(scene, known, scopedVars, several) : known;
}

function fill(text: string, labels: Record<string, string>): string {
  return text.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => labels[label] ?? '');
}

function legend(target: Target, labels: Record<string, string>): string {
  if (target.legendFormat && target.legendFormat !== '__auto') {
    return fill(target.legendFormat, labels);
  }
  const { __name__: name = '', ...others } = labels;
  return `${name}{${Object.entries(others).map(([label, value]) => `${label}="${value}"`)}}`;
}

function frame(target: Target, series: Series, interval: number): DataFrame {
  const points = series.values ?? [series.value!];
  const name = legend(target, series.metric);
  const config = { displayNameFromDS: name, };
  return toDataFrame({
    refId: target.refId,
    name,
    fields: [
      { name: 'Time', type: FieldType.time, values: points.map(([time]) => time * 1000), config: { interval } },
      { name: 'Value', type: FieldType.number, labels: series.metric, values: points.map(number), config },
    ],
  });
}

function table(target: Target, series: Series[], isOneOfMany: boolean): DataFrame {
  const labels = [...new Set(series.flatMap((one) => Object.keys(one.metric)))].sort();
  const points = series.map((one) => one.value ?? one.values![one.values!.length - 1]);
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: points.map(([time]) => time * 1000) },
      ...labels.map((label) => ({
        name: label,
        type: FieldType.string,
        values: series.map((one) => one.metric[label] ?? ''),
      })),
      { name: isOneOfMany ? `Value #${target.refId}` : 'Value', type: FieldType.number, values: points.map(number) },
    ],
  });
}

function number([, text]: [number, string]): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}
