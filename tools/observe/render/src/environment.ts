// What a Grafana server sets up before a dashboard is shown.
import {
  BusEventWithPayload,
  EventBusSrv,
  LoadingState,
  standardEditorsRegistry,
  standardFieldConfigEditorRegistry,
  standardTransformers,
  standardTransformersRegistry,
  type DataQueryRequest,
  type DataSourceApi,
  type PanelData,
} from '@grafana/data';
import {
  setAppEvents,
  setDataSourceSrv,
  setPluginImportUtils,
  setRunRequest,
  setTemplateSrv,
  type DataSourceSrv,
  type TemplateSrv,
} from '@grafana/runtime';
import { getAllStandardFieldConfigs } from './standard';
import { PrometheusSource } from './datasource';
import { plugins } from './plugins';
import { catchError, from, map, of, type Observable } from 'rxjs';

function runRequest(source: DataSourceApi, request: DataQueryRequest): Observable<PanelData> {
  const empty = { series: [], timeRange: request.range, request };
  return from(source.query(request) as Promise<{ data: PanelData['series'] }>).pipe(
    map((answer) => ({ ...empty, state: LoadingState.Done, series: answer.data })),
    catchError((error: Error) =>
      of({ ...empty, state: LoadingState.Error, errors: [{ message: error.message }] })
    )
  );
}

export function setUp(source: PrometheusSource): void {
  standardEditorsRegistry.setInit(() => []);
  standardFieldConfigEditorRegistry.setInit(getAllStandardFieldConfigs);
  const transformers = new Map(Object.values(standardTransformers).map((one) => [one.id, one])); // some have two names
  standardTransformersRegistry.setInit(() =>
    [...transformers.values()].map((transformation) => ({
      id: transformation.id,
      name: transformation.name,
      transformation,
      editor: () => null,
    })) as never
  );
  setAppEvents(new EventBusSrv());
  setTemplateSrv({ replace: (text: string) => text, getVariables: () => [] } as unknown as TemplateSrv);
  const settings = source.settings;
  setDataSourceSrv({
    get: () => Promise.resolve(source),
    getInstanceSettings: () => settings,
    getList: () => [settings],
  } as unknown as DataSourceSrv);
  setPluginImportUtils({
    importPanelPlugin: (id) => (plugins[id] ? Promise.resolve(plugins[id]) : Promise.reject(new Error(`no panel ${id}`))),
    getPanelPluginFromCache: (id) => plugins[id],
  });
  setRunRequest(runRequest);
}
