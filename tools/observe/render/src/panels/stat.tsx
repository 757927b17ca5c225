import type { PanelProps } from '@grafana/data';
import { BigValue, BigValueColorMode, BigValueGraphMode, BigValueJustifyMode, BigValueTextMode, useTheme2 } from '@grafana/ui';
import { Values, type Drawn } from './values';

export function StatPanel(props: PanelProps<any>) {
  const theme = useTheme2();
  const { colorMode, justifyMode, textMode } = props.options;
  const draw = ({ value, width, height, count }: Drawn) => (
    <BigValue
      value={value.display} width={width} height={height} theme={theme} count={count}
      colorMode={colorMode ?? BigValueColorMode.Value} graphMode={BigValueGraphMode.None}
      justifyMode={justifyMode ?? BigValueJustifyMode.Auto} textMode={textMode ?? BigValueTextMode.Auto}
    />
  );
  return <Values {...props} draw={draw} />;
}
