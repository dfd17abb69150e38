// SPDX-License-Identifier: Apache-2.0
import type { EndpointReport } from './health-report.ts';
import type { AddressReport, FailoverReport, MemberReport, StatusReport } from './status-report.ts';

/** A report as people read it. Pure. */
export function statusTable(report: StatusReport): string {
  const sections = [
    headLines(report),
    table('MEMBERS', ['NODE', 'ROLE', 'STATE', 'HEARD', 'EPOCH'], report.members.map(memberRow)),
    table(
      'ADDRESSES',
      ['ADDRESS', 'OWNER', 'SINCE', 'HERE', 'SERVICES'],
      report.addresses.map((address) => addressRow(address)),
    ),
    table(
      'LAST FAILOVERS (milliseconds)',
      [
        'WHEN',
        'SEEN AS',
        'REASON',
        'FROM',
        'TO',
        'ADDRESSES',
        'NOTICED',
        'GRANTED',
        'ON',
        'ANNOUNCED',
        'SUM',
      ],
      report.failovers.map(failoverRow),
    ),
    table(
      'DEAD ENDPOINTS',
      ['SERVICE', 'ENDPOINT', 'SINCE', 'LAST PROBE'],
      report.endpoints.filter(({ state }) => state === 'down').map(endpointRow),
    ),
    table('API SERVERS', ['NODE', 'STATE', 'SINCE', 'LAST ANSWER'], apiServerRows(report)),
    table(
      'PROBLEMS',
      ['SERVICE', 'REASON', 'MESSAGE'],
      report.problems.map(({ service, reason, message }) => [service, reason, message]),
    ),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

const NONE = '-';

function headLines(report: StatusReport): string {
  const { node, version, time, well, engine, checks, frames } = report;
  const failed = checks.filter(({ ok }) => !ok);
  return [
    `${node}: ${well ? 'well' : 'NOT WELL'} (fairlead ${version}, ${time})`,
    ...failed.map(({ name, detail }) => `not ok: ${name}${detail && `: ${detail}`}`),
    `engine ${engine.name}: ${engine.ok ? 'ok' : 'NOT OK'}${engine.detail && `, ${engine.detail}`}${engine.keeping ? '; keeps its addresses without a grant' : ''}`,
    ...coordinatorLines(report),
    ...groupLines(report),
    ...report.groupProblems.map(({ reason, message }) => `${reason}: ${message}`),
    `frames: ${frames.sent} sent, ${frames.failed} failed, ${frames.answers} answers; foreign claims: ${frames.foreignClaims}`,
    ...trafficLines(report),
    ...healthLines(report),
  ].join('\n');
}

function coordinatorLines({ coordinator, engine }: StatusReport): readonly string[] {
  if (coordinator === null) return engine.name === 'raft' ? ['coordinator: none'] : [];
  const { node, term, heardMsAgo } = coordinator;
  return [`coordinator: ${node}, term ${term}${heardMsAgo === null ? '' : `, heard ${heardMsAgo} ms ago`}`];
}

function groupLines({ group }: StatusReport): readonly string[] {
  if (group === null) return [];
  const { id, epoch, engine, switchingTo, voters, previousVoters } = group;
  const change = switchingTo === null ? '' : `, switching to ${switchingTo}`;
  const previous = previousVoters === null ? '' : ` (before: ${previousVoters.join(' ')})`;
  const votes = voters.length === 0 ? '' : `, voters ${voters.join(' ')}${previous}`;
  return [`group ${id}: epoch ${epoch}, engine ${engine}${change}${votes}`];
}

function trafficLines({ traffic }: StatusReport): readonly string[] {
  if (traffic === null) return [];
  const { sent, sendFailed, received, renewalsLate, renewalsLost } = traffic;
  const ignored = Object.entries(traffic.ignored).map(([reason, count]) => `${count} ${reason}`);
  const without = ignored.length === 0 ? '' : `, ignored: ${ignored.join(', ')}`;
  return [
    `datagrams: ${sent} sent, ${sendFailed} failed, ${received} received${without}; ` +
      `renewals: ${renewalsLate} late, ${renewalsLost} lost`,
  ];
}

function healthLines({ endpoints }: StatusReport): readonly string[] {
  if (endpoints.length === 0) return [];
  const count = (wanted: EndpointReport['state']) => endpoints.filter(({ state }) => state === wanted).length;
  return [`health checks: ${count('up')} up, ${count('down')} down, ${count('unknown')} not known yet`];
}

function endpointRow({ service, endpoint, since, detail }: EndpointReport): readonly string[] {
  return [service, endpoint, since, detail];
}

function apiServerRows({ controlPlane }: StatusReport): readonly (readonly string[])[] {
  return (controlPlane?.apiServers ?? []).map(({ node, state, since, detail }) => [
    node,
    state,
    since,
    detail,
  ]);
}

function memberRow({ node, role, state, heardMsAgo, epoch }: MemberReport): readonly string[] {
  return [node, role, state, heardMsAgo === null ? NONE : `${heardMsAgo} ms`, String(epoch ?? NONE)];
}

function addressRow({ address, owner, ownerSince, here, services }: AddressReport): readonly string[] {
  const place =
    here === null ? NONE : here.answering ? `answers on ${here.interface}` : (here.problem ?? 'coming up');
  return [address, owner ?? NONE, ownerSince ?? NONE, place, services.join(' ') || NONE];
}

function failoverRow(failover: FailoverReport): readonly string[] {
  const { at, part, reason, from, to, count, addresses } = failover;
  const { detectedMs, grantedMs, placedMs, announcedMs, totalMs } = failover;
  const more = count > addresses.length ? ` and ${count - addresses.length} more` : '';
  const phases = [detectedMs, grantedMs, placedMs, announcedMs, totalMs].map((ms) => String(ms ?? NONE));
  return [at, part, reason, from ?? NONE, to.join(' ') || NONE, `${addresses.join(' ')}${more}`, ...phases];
}

function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [title, ...lines].join('\n');
}
