// SPDX-License-Identifier: Apache-2.0
/** What the kernel counts. Pure. */

/** USER_HZ: the unit of times in /proc, the same on every Linux that Node runs on. */
const TICK_MS = 10;

/** Processor time of a process in /proc/PID/stat: its own, and of the children it has waited for. Throws on other text. */
export function cpuMsIn(stat: string): number {
  // After the name in parentheses; utime, stime, cutime and cstime are fields 14 to 17.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  if (!stat.includes(')') || !Number.isFinite(ticks))
    throw new Error(`expected /proc/PID/stat, got "${stat}"`);
  return ticks * TICK_MS;
}

/** Resident memory in /proc/PID/status. Throws when there is none. */
export function rssMBIn(status: string): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
  if (kilobytes === undefined) throw new Error('the process shows no resident memory');
  return Math.round(Number(kilobytes) / 102.4) / 10;
}

/** UDP datagrams sent since a host began, from /proc/net/snmp and /proc/net/snmp6, one after the other. */
export function datagramsIn(text: string): number {
  const [names, values] = text.split('\n').filter((line) => line.startsWith('Udp: '));
  const index = names?.split(' ').indexOf('OutDatagrams') ?? -1;
  const ipv4 = Number(values?.split(' ')[index]);
  if (index < 0 || !Number.isFinite(ipv4)) throw new Error('expected /proc/net/snmp with a line for Udp');
  return ipv4 + Number(/^Udp6OutDatagrams\s+(\d+)/m.exec(text)?.[1] ?? 0);
}
