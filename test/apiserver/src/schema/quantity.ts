// SPDX-License-Identifier: Apache-2.0

/** Powers of ten of the decimal suffixes, counted from nano (10^-9). */
const DECIMAL: readonly (readonly [suffix: string, power: number])[] = [
  ['E', 27],
  ['P', 24],
  ['T', 21],
  ['G', 18],
  ['M', 15],
  ['k', 12],
  ['', 9],
  ['m', 6],
  ['u', 3],
  ['n', 0],
];
const BINARY: readonly string[] = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const NANO = 10n ** 9n;

/**
 * A resource quantity in canonical form, as the real server stores it: `1024Mi` is `1Gi`, `0.5` is `500m`, `1000m` is
 * `1`. `undefined` for a text that is no quantity. Fractions below 10^-9 are rounded up.
 */
export function canonicalQuantity(text: string): string | undefined {
  const parts = parse(text);
  if (parts === undefined) return undefined;
  const { nano, binary, exponent } = parts;
  const minus = nano < 0n ? '-' : '';
  const size = nano < 0n ? -nano : nano;
  if (size === 0n) return '0';
  if (binary && size % NANO === 0n && size >= 1024n * NANO) return minus + binaryText(size / NANO);
  return minus + (exponent ? exponentText(size) : decimalText(size));
}

/** A quantity as a number of nano units, to compare with others; `undefined` for a text that is none. */
export function quantityNano(text: string): bigint | undefined {
  return parse(text)?.nano;
}

interface Parsed {
  readonly nano: bigint;
  readonly binary: boolean;
  readonly exponent: boolean;
}

function parse(text: string): Parsed | undefined {
  const match = /^([+-]?)(\d+\.?\d*|\.\d+)(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign = '', digits = '', binary, decimal, exponent] = match;
  const nano = scaled(digits, binary, decimal, exponent === undefined ? undefined : Number(exponent));
  return {
    nano: sign === '-' ? -nano : nano,
    binary: binary !== undefined,
    exponent: exponent !== undefined,
  };
}

/** The number times 10^9. */
function scaled(
  digits: string,
  binary: string | undefined,
  decimal: string | undefined,
  exponent = 0,
): bigint {
  const [whole = '', fraction = ''] = digits.split('.');
  const number = BigInt(whole + fraction || '0');
  const tens = 9 - fraction.length + exponent + decimalPower(decimal);
  const factor = binary === undefined ? 1n : 1024n ** BigInt(BINARY.indexOf(binary));
  if (tens >= 0) return number * factor * 10n ** BigInt(tens);
  const divisor = 10n ** BigInt(-tens);
  return (number * factor + divisor - 1n) / divisor;
}

function decimalPower(suffix: string | undefined): number {
  const found = DECIMAL.find(([name]) => name === (suffix ?? ''));
  return (found?.[1] ?? 9) - 9;
}

function decimalText(nano: bigint): string {
  for (const [suffix, power] of DECIMAL) {
    const unit = 10n ** BigInt(power);
    if (nano % unit === 0n) return `${nano / unit}${suffix}`;
  }
  return `${nano}n`;
}

function exponentText(nano: bigint): string {
  for (const [, power] of DECIMAL) {
    const unit = 10n ** BigInt(power);
    if (nano % unit === 0n) return power === 9 ? `${nano / unit}` : `${nano / unit}e${power - 9}`;
  }
  return `${nano}e-9`;
}

function binaryText(number: bigint): string {
  let power = 0;
  let rest = number;
  while (rest % 1024n === 0n && power < BINARY.length - 1) {
    rest /= 1024n;
    power += 1;
  }
  return `${rest}${BINARY[power]}`;
}
