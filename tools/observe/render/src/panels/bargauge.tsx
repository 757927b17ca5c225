import type { PanelProps } from '@grafana/data';
import { BarGauge, useTheme2 } from '@grafana/ui';
import { Nothing } from './nothing';
import { Values, type Drawn } from './values';

export function BarGaugePanel(props: PanelProps<any>) {
  const theme = useTheme2();
  const { displayMode, showUnfilled, valueMode, namePlacement, text } = props.options;
  if (props.data.series.length === 0) {
    return <Nothing fieldConfig={props.fieldConfig} />;
  }
  const draw = ({ value, width, height, orientation, alignmentFactors }: Drawn) => (
    <BarGauge
      value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex!) as never}
      width={width} height={height} orientation={orientation} theme={theme} displayMode={displayMode}
      showUnfilled={showUnfilled} valueDisplayMode={valueMode}
      namePlacement={namePlacement} text={text} alignmentFactors={alignmentFactors as never}
    />
  );
  return <Values {...props} draw={draw} spacing={10} min={16} />;
}
