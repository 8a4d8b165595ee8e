/** The longest value that is decoded, in bytes; a longer one is a dead letter. */
export const MAX_VALUE_BYTES = 1 << 20;
