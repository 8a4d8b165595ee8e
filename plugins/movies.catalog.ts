import { defineCatalog, string, texts, uint32 } from "twofold";

/** What a movie is called and what it is about. */
export default defineCatalog({
  name: "movies",
  summary: "Titles, years and genres of movies",
  key: { movie_id: uint32({ summary: "Which movie" }) },
  fields: {
    title: string({ maxBytes: 512, summary: "Title without the year" }),
    year: uint32({ nullable: true, summary: "Year of release" }),
    genres: texts({ summary: "Genres" }),
  },
});
