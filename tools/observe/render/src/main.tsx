// Shows one dashboard, and tells the server that served this page what each panel drew.
import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';
import { createTheme, LoadingState, ThemeContext } from '@grafana/data';
import { config } from '@grafana/runtime';
import { sceneGraph, VizPanel, type EmbeddedScene } from '@grafana/scenes';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { MemoryRouter } from 'react-router-dom';
import { CompatRouter } from 'react-router-dom-v5-compat';
import { PrometheusSource } from './datasource';
import { setUp } from './environment';
import { drawnIn } from './panels/drawn';
import { sceneOf, type Shown } from './scene';

const SETTLED_MS = 1500; // from the last answer: resizing, legends and fonts come after it
const errors: string[] = [];
const say = console.error;
console.error = (...words: unknown[]) => {
  errors.push(words.map(String).join(' ').slice(0, 500));
  say(...words);
};
window.addEventListener('error', (event) => errors.push(event.message));
window.addEventListener('unhandledrejection', (event) => errors.push(String(event.reason)));

function panelsOf(scene: EmbeddedScene) {
  return sceneGraph.findAllObjects(scene, (found) => found instanceof VizPanel).map((found) => {
    const data = sceneGraph.getData(found).state.data;
    // Marks arrive on their own: what they alone have filled says Done before the panel's query was even asked.
    const isAsked = data?.request !== undefined && !sceneGraph.hasVariableDependencyInLoadingState(found);
    const { title } = (found as VizPanel).state;
    return {
      title,
      isBlank: drawnIn.get(title) === 0,
      isDone: isAsked && (data.state === LoadingState.Done || data.state === LoadingState.Error),
      frames: data?.series.filter((frame) => frame.length > 0).length ?? 0,
      errors: (data?.errors ?? []).map((error) => error.message),
    };
  });
}

function tell(panels: unknown[]): void {
  void fetch('/report', { method: 'POST', body: JSON.stringify({ panels, errors }) });
}

function report(scene: EmbeddedScene, patience = 200): void {
  const isWaiting = () => patience > 0 && panelsOf(scene).some((panel) => !panel.isDone);
  if (isWaiting()) {
    setTimeout(() => report(scene, patience - 1), 100);
    return;
  }
  setTimeout(() => (isWaiting() ? report(scene, patience - 1) : tell(panelsOf(scene))), SETTLED_MS);
}

async function main(): Promise<void> {
  const shown: Shown & { scrapeSeconds: number } = await (await fetch('/dashboard.json')).json();
  // Widths of texts are measured before the first of them is drawn.
  await Promise.all(['400 14px Inter', '500 14px Inter'].map((font) => document.fonts.load(font)));
  setUp(new PrometheusSource('/prometheus', shown.scrapeSeconds));
  const theme = createTheme({ colors: { mode: 'dark' } });
  config.theme2 = theme;
  const scene = sceneOf(shown);
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <MemoryRouter>
        <CompatRouter>
          <scene.Component model={scene} />
          <PortalContainer />
        </CompatRouter>
      </MemoryRouter>
    </ThemeContext.Provider>
  );
  report(scene);
}

main().catch((error: unknown) => {
  errors.push(String(error));
  tell([]);
});
