// A dashboard's JSON as a scene, as a Grafana server makes one of it.
import {
  CustomVariable,
  dataLayers,
  DataSourceVariable,
  EmbeddedScene,
  QueryVariable,
  SceneControlsSpacer,
  SceneDataLayerSet,
  SceneDataTransformer,
  SceneGridItem,
  SceneGridLayout,
  SceneGridRow,
  SceneQueryRunner,
  SceneTimePicker,
  SceneTimeRange,
  SceneVariableSet,
  TextBoxVariable,
  VariableValueSelectors,
  VizPanel,
  type SceneVariable,
} from '@grafana/scenes';

type Json = any;
export interface Shown {
  dashboard: Json;
  from: string;
  to: string;
  values: Record<string, string>;
}

export function sceneOf({ dashboard, from, to, values }: Shown): EmbeddedScene {
  return new EmbeddedScene({
    $timeRange: new SceneTimeRange({ from, to }),
    $variables: new SceneVariableSet({
      variables: dashboard.templating.list.map((variable: Json) => variableOf(variable, values)),
    }),
    $data: new SceneDataLayerSet({
      layers: (dashboard.annotations?.list ?? [])
        .filter((query: Json) => query.expr)
        .map((query: Json) => new dataLayers.AnnotationsDataLayer({ name: query.name, query })),
    }),
    controls: [new VariableValueSelectors({}), new SceneControlsSpacer(), new SceneTimePicker({ isOnCanvas: true })],
    body: new SceneGridLayout({ children: rowsOf(dashboard.panels), isLazy: false }),
  });
}

function variableOf(variable: Json, values: Record<string, string>): SceneVariable {
  const { name, label, query, hide, multi: isMulti, includeAll, allValue, sort, regex } = variable;
  const common = { name, label, hide };
  switch (variable.type) {
    case 'datasource':
      return new DataSourceVariable({ ...common, pluginId: query, value: 'prometheus', text: 'Prometheus' });
    case 'query': {
      const first = [variable.current?.value ?? []].flat(); // what the dashboard itself chooses
      const chosen: string[] = values[name] ? [values[name]] : first;
      const text = chosen.map((one) => (one === '$__all' ? 'All' : one));
      return new QueryVariable({
        ...common, query, isMulti, includeAll, allValue, sort, regex, datasource: { uid: 'prometheus' },
        value: isMulti ? chosen : (chosen[0] ?? ''), text: isMulti ? text : (text[0] ?? ''),
      });
    }
    case 'textbox':
      return new TextBoxVariable({ ...common, value: variable.current?.value ?? query });
    case 'custom':
      return new CustomVariable({ ...common, query, isMulti, includeAll, allValue, value: variable.current?.value });
    default:
      throw new Error(`variable ${name}: unknown kind ${variable.type}`);
  }
}

function rowsOf(panels: Json[]): Array<SceneGridRow | SceneGridItem> {
  const found: Array<SceneGridRow | SceneGridItem> = [];
  let row: SceneGridRow | undefined;
  for (const panel of panels) {
    if (panel.type === 'row') {
      row = new SceneGridRow({
        title: panel.title, y: panel.gridPos.y, isCollapsed: false, children: (panel.panels ?? []).map(itemOf),
      });
      found.push(row);
    } else if (row) {
      row.setState({ children: [...row.state.children, itemOf(panel)] });
    } else {
      found.push(itemOf(panel));
    }
  }
  return found;
}

function itemOf(panel: Json): SceneGridItem {
  const { x, y, w: width, h: height } = panel.gridPos;
  return new SceneGridItem({ x, y, width, height, body: panelOf(panel) });
}

function panelOf(panel: Json): VizPanel {
  const queries = new SceneQueryRunner({
    datasource: panel.datasource, queries: panel.targets ?? [], minInterval: panel.interval,
    maxDataPoints: panel.maxDataPoints, maxDataPointsFromWidth: true,
  });
  return new VizPanel({
    key: `panel-${panel.id}`, pluginId: panel.type, title: panel.title, description: panel.description,
    options: panel.options ?? {}, fieldConfig: withInfinity(panel.fieldConfig),
    displayMode: panel.transparent ? 'transparent' : 'default',
    $data: panel.transformations?.length
      ? new SceneDataTransformer({ $data: queries, transformations: panel.transformations })
      : queries,
  });
}

// JSON has no infinity: the base step of a list of thresholds stands there as null.
function withInfinity(config: Json): Json {
  return JSON.parse(JSON.stringify(config), (key, value) =>
    key === 'steps' ? value.map((step: Json) => ({ ...step, value: step.value ?? -Infinity })) : value
  );
}
