// SPDX-License-Identifier: Apache-2.0
import { type Phases, type Takeover, type TakeoverReason, totalMs } from './failover-log.ts';

/** What an Event says of the addresses of one Service that came to a node together; they have one story. Pure. */
export function moveText(node: string, takeovers: readonly Takeover[]): string {
  const [first] = takeovers;
  if (first === undefined) return '';
  const addresses = takeovers.map(({ address }) => address).join(' and ');
  const parts = [...storyOf(first, node), ...timesOf(first.phases)];
  return `node ${node} answers for ${addresses}${parts.length === 0 ? '' : ` (${parts.join('; ')})`}`;
}

function storyOf({ from, reason }: Takeover, node: string): readonly string[] {
  if (from === undefined) return [];
  if (from === node) return ['again'];
  return [`before: ${from}`, ...(WORDS[reason]?.(from) ?? [])];
}

const WORDS: Readonly<Partial<Record<TakeoverReason, (from: string) => readonly string[]>>> = {
  lost: (from) => [`${from} was lost`],
  left: (from) => [`${from} left`],
  drained: (from) => [`${from} was drained`],
  ineligible: (from) => [`${from} could not serve`],
  notCandidate: (from) => [`${from} could not serve it any more`],
  together: () => ['moved beside others'],
  avoided: (from) => [`another node suits it better than ${from}`],
  rebalanced: (from) => [`${from} had more than others`],
};

function timesOf(phases: Phases): readonly string[] {
  const sumMs = totalMs(phases);
  if (sumMs === undefined) return [];
  const { detectedMs, grantedMs, placedMs, announcedMs } = phases;
  const named = [
    [detectedMs, 'noticed'],
    [grantedMs, 'granted'],
    [placedMs, 'on the node'],
    [announcedMs, 'announced'],
  ] as const;
  const parts = named.flatMap(([ms, name]) => (ms === undefined ? [] : [`${Math.round(ms)} until ${name}`]));
  return [`${Math.round(sumMs)} ms: ${parts.join(', ')}`];
}
