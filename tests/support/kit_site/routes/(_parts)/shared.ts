export const shared = "left alone";
