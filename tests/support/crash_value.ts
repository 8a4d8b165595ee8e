/** The value of the record with this sequence number: any torn or mixed-up one differs. */
export function crashValue(sequence: number): string {
  return `${sequence}:${String.fromCharCode(97 + sequence % 26).repeat(sequence % 300)}`;
}
