//! ASP.NET's JSON dialect: comments, trailing commas, BOM.
