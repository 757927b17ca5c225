// Rewrites a PNG with a palette of 256 colours, which a dashboard hardly exceeds: node shrink.mjs FILE
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const upng = createRequire(path.join(process.cwd(), 'package.json'))('upng-js');
const [file] = process.argv.slice(2);
const image = upng.decode(readFileSync(file));
const small = Buffer.from(upng.encode(upng.toRGBA8(image), image.width, image.height, 256));
if (small.length < readFileSync(file).length) {
  writeFileSync(file, small);
}
