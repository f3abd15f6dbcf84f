module netcompliance/oracle

go 1.24
