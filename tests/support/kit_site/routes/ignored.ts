throw new Error("never imported");
