// An arc of its own: Grafana's gauge is part of the server.
import { formattedValueToString, type PanelProps, type Threshold } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import { Values, type Drawn } from './values';

const SWEEP = 240;

export function GaugePanel(props: PanelProps<any>) {
  const theme = useTheme2();
  const draw = ({ value, width, height, count }: Drawn) => {
    const { display, field } = value;
    const [min, max] = [field.min ?? 0, field.max ?? 100];
    const share = Math.min(1, Math.max(0, (display.numeric - min) / (max - min))) || 0;
    const title = count > 1 ? display.title : '';
    const room = height - (title ? 20 : 0);
    const radius = Math.max(10, Math.min(width / 2, room / 1.65) / 1.25);
    const thick = radius / 4;
    const [x, y] = [width / 2, room / 2 + radius / 4];
    const size = Math.max(11, Math.min(radius / 2.2, (radius * 2.4) / formattedValueToString(display).length));
    return (
      <svg width={width} height={height} style={{ fontFamily: theme.typography.fontFamily }}>
        <path d={arc(x, y, radius, 0, 1)} stroke={theme.colors.background.secondary} strokeWidth={thick} fill="none" />
        <path d={arc(x, y, radius, 0, share)} stroke={display.color} strokeWidth={thick} fill="none" />
        {bands(field.thresholds?.steps ?? [], min, max).map(({ from, to, color }) => (
          <path
            key={from} d={arc(x, y, radius + thick * 0.7, from, to)} stroke={theme.visualization.getColorByName(color)}
            strokeWidth={thick / 6} fill="none"
          />
        ))}
        <text x={x} y={y + size / 3} textAnchor="middle" fontSize={size} fill={display.color}>
          {formattedValueToString(display)}
        </text>
        {title && (
          <text x={x} y={y + radius / 2 + thick + 20} textAnchor="middle" fontSize={12} fill={theme.colors.text.primary}>
            {title}
          </text>
        )}
      </svg>
    );
  };
  return <Values {...props} draw={draw} />;
}

// The thresholds as shares of the arc.
function bands(steps: Threshold[], min: number, max: number) {
  if (steps.length < 2) {
    return [];
  }
  const place = (value: number) => Math.min(1, Math.max(0, (value - min) / (max - min)));
  return steps
    .map(({ value, color }, index) => ({ from: place(value), to: place(steps[index + 1]?.value ?? max), color }))
    .filter(({ from, to }) => to > from);
}

function arc(x: number, y: number, radius: number, from: number, to: number): string {
  const point = (part: number) => {
    const angle = ((-SWEEP / 2 + SWEEP * part - 90) * Math.PI) / 180;
    return `${x + radius * Math.cos(angle)} ${y + radius * Math.sin(angle)}`;
  };
  return `M ${point(from)} A ${radius} ${radius} 0 ${SWEEP * (to - from) > 180 ? 1 : 0} 1 ${point(to)}`;
}
